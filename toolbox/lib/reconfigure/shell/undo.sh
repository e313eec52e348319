#!/bin/sh
# Taking a change back that is not confirmed.

arm() {
    :
}
