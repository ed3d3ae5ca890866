"""Rates, intervals, significance, neighbours, clusters and calibration: numbers in, numbers out."""
