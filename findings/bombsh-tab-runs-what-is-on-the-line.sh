#!/usr/bin/env bash
# What the bash completion that @bomb.sh/tab generates does with the words that were typed.
#
# Version: @bomb.sh/tab 0.0.22 with commander 14.0.3, bash 5.2.15, Node 20.20.2.
# Valid input: a command line with a command substitution in it that has not been sent, such as one that was pasted, and
# TAB after it.
# Behaviour: the words are put together to one text, unquoted, and that is given to `eval`: the substitution is carried
# out. (Its zsh script quotes the words, but evaluates the part before an `=`.)
#
# Output seen:
#   bash: TAB has run what was on the line
#
# Exits 0 while this is so, 1 once it is not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >package.json <<'JSON'
{ "private": true, "type": "module", "dependencies": { "@bomb.sh/tab": "0.0.22", "commander": "14.0.3" } }
JSON
npm install --silent --no-audit --no-fund
cat >tool.mjs <<'JS'
import tab from "@bomb.sh/tab/commander";
import { Command } from "commander";

const program = new Command("tool");
program.command("status");
tab(program, { completionCommandName: "completion" });
program.parse();
JS
node tool.mjs completion bash >completion.bash
mkdir bin
printf '#!/bin/sh\nexec node "%s/tool.mjs" "$@"\n' "$folder" >bin/tool
chmod +x bin/tool
# The words come from bash-completion; here they are given by hand, as they were typed.
cat >press-tab.bash <<'BASH'
_get_comp_words_by_ref() { words=(tool status '$(touch evaluated)' --x); cword=3; cur=--x; prev='$(touch evaluated)'; }
compopt() { :; }
source ./completion.bash
__tool_complete
BASH
PATH="$folder/bin:$PATH" bash press-tab.bash || true
if [ -e evaluated ]; then echo "bash: TAB has run what was on the line"; else echo "bash: nothing was run"; fi >seen.txt
cat seen.txt
diff - seen.txt <<'SEEN'
bash: TAB has run what was on the line
SEEN
