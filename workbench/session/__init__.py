"""One model, one data set, and everything computed about them so far; the contract of an analysis."""
