"""The library: no Invoke, no print, no exit; importing it does nothing."""
