"""Networks as files of other programs, one module for each format; `report.exports.formats` lists them."""
