"""What people look at: the summary table and the HTML report."""
