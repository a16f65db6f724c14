#!/bin/sh
# Checks what cannot be installed beside the rest, in its environment: apart.sh ellar
set -eu
name=$(echo "$1" | tr - _)
python=.envs/$1/bin/python

# Ravyn is the newer Esmerald: its example and tests are Esmerald's too, but for the name.
if [ "$name" = esmerald ]; then
    for file in examples/ravyn_tasks.py tests/integrations/test_ravyn.py; do
        sed 's/ravyn/esmerald/g; s/Ravyn/Esmerald/g' $file >"$(echo $file | sed s/ravyn/esmerald/)"
    done
fi

# What mypy has found out about the framework serves the typetests too.
export MYPY_CACHE_DIR="$PWD/.envs/$1/.mypy_cache"

set -x
$python -m tools.types ".envs/$1"
tests=$(find tests -name "test_$name.py")
if [ -f "typetests/integrations/in_$name.py" ]; then tests="$tests typetests/test_examples.py"; fi
$python -m pytest $tests -k "$name"
