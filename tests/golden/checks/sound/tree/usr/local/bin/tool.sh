#!/usr/bin/python3
print("no shell (")
