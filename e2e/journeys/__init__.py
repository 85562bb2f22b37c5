"""Journeys: one visitor's or one office worker's way through the product, from the first click to the proof."""
