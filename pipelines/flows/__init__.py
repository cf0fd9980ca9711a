"""Thin Prefect flows around the plain functions of this package; nothing else in the house knows Prefect."""
