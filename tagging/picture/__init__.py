"""Photographed devices and lab reports: values with names, units and arrows, to be shown back before they count.

Nothing here is imported by the rest of `tagging/`, and the OCR engine only when a picture is read.
"""
