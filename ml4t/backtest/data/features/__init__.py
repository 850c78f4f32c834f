"""Indicators and feature providers."""
