#!/bin/sh
# Copies the core into another package: vendor.sh DEST [starlette,fastapi]
set -eu
dest=$1
wanted=$(echo "${2-}" | tr ',' ' ')

refuse() {
    echo "$1" >&2
    exit 2
}

# The files in bgtasks that are not the core.
there=$(cd bgtasks && echo [a-z]*.py)
there=$(echo " $there" | sed 's/\.py//g')

case " $wanted " in
*" starlette "*) ;;
*" fastapi "*) wanted="$wanted starlette" ;; # it imports Starlette's
esac

[ -n "$dest" ] || refuse "vendor copies the core to DEST:\
 write make vendor DEST=path/to/your/package/_vendor/bgtasks"
for name in $wanted; do
    case "$there " in
    *" $name "*) ;;
    *) refuse "there is no $name in bgtasks: write WITH= with some of$there, or leave it out" ;;
    esac
done
[ -e "$dest/ORIGIN" ] || [ -z "$(ls -A "$dest" 2>/dev/null)" ] || refuse "$dest is not a\
 copy of bgtasks: write a DEST that is one, or is empty, or is not there yet"

copied="$(cd bgtasks && echo _*.py) py.typed"
for name in $wanted; do copied="$copied $name.py"; done

mkdir -p "$dest"
# Remove the files of an older copy.
[ ! -e "$dest/ORIGIN" ] || (cd "$dest" && sed 1d ORIGIN | xargs rm -f)
for file in $copied; do cp "bgtasks/$file" "$dest/"; done
cp LICENSE "$dest/"
version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' bgtasks/__init__.py)
commit=$([ ! -e .git ] || git describe --always --dirty --abbrev=40 --exclude='*')
{
    echo "bgtasks $version${commit:+, commit $commit}: copied by its make vendor, unchanged"
    printf '%s\n' $copied LICENSE
} >"$dest/ORIGIN"
