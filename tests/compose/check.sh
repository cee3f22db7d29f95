#!/usr/bin/env bash
# What a real Compose says about docker-compose.yaml: complete with an .env, refused without.
set -euo pipefail
cd "$(dirname "$0")/../.."

if ! command -v docker-compose > /dev/null; then
    apt-get install --yes --quiet docker-compose
fi
folder=$(mktemp --directory)
trap 'rm --recursive "$folder"' EXIT

python3 include/compose/new_env.py > "$folder/ours.env"
sed 's/=$/=given/' "$folder/ours.env" > "$folder/complete.env"
for profile in sandbox seed; do
    docker-compose --env-file "$folder/complete.env" --profile "$profile" config --quiet
done
if docker-compose --env-file "$folder/ours.env" config --quiet 2> "$folder/said"; then
    echo "docker-compose.yaml starts without the partner's token and the signing key" >&2
    exit 1
fi
grep --quiet "set it in .env" "$folder/said"
echo "docker-compose.yaml: complete with an .env, refused without ($(docker-compose --version))"
