"""The embedded samples: generated clips, one module for each dataset."""
