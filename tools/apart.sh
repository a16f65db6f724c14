#!/bin/sh
# Checks what cannot be installed beside the rest, in its environment: apart.sh ellar
set -eu
name=$(echo "$1" | tr - _)
python=.envs/$1/bin/python

# Ravyn is the successor of Esmerald: except for the name, they share example and tests.
if [ "$name" = esmerald ]; then
    for file in examples/ravyn_tasks.py tests/integrations/test_ravyn.py; do
        sed 's/ravyn/esmerald/g; s/Ravyn/Esmerald/g' $file >"$(echo $file | sed s/ravyn/esmerald/)"
    done
fi

# The typetests then use mypy's cache of the framework, which tools.types fills.
export MYPY_CACHE_DIR="$PWD/.envs/$1/.mypy_cache"

set -x
$python -m tools.types ".envs/$1"
tests=$(find tests -name "test_$name.py")
if [ -f "typetests/integrations/in_$name.py" ]; then tests="$tests typetests/test_examples.py"; fi
$python -m pytest $tests -k "$name"
