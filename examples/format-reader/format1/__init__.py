"""An independent reader of Strongroom's format 1, written from docs/format.md."""
