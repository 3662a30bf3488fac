/**
 * What makes a shell complete `restartctl`. Each hands the words on as they were typed, quoted, and never evaluates any:
 * a line may hold anything, such as `$(rm -rf ~)`, and TAB must not run it.
 */
export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

export const SCRIPTS: Readonly<Record<Shell, string>> = {
  bash: `# bash completion for restartctl
_restartctl() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    COMPREPLY+=("\${line%%$'\\t'*}")
  done < <(restartctl complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _restartctl restartctl
`,
  zsh: `#compdef restartctl
# zsh completion for restartctl
_restartctl() {
  local line text
  local -a found
  while IFS= read -r line; do
    text="\${line%%$'\\t'*}"
    # A colon would begin the description.
    found+=("\${text//:/\\\\:}:\${line#*$'\\t'}")
  done < <(restartctl complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)
  if (( \${#found} )); then _describe restartctl found; else _files; fi
}
if [[ "\${funcstack[1]}" == _restartctl ]]; then _restartctl; else compdef _restartctl restartctl; fi
`,
  fish: `# fish completion for restartctl
function __restartctl_suggestions
    set -l words (commandline -opc)
    set -l typed (commandline -ct)
    restartctl complete -- $words[2..-1] "$typed" 2>/dev/null
end
complete -c restartctl -f -a '(__restartctl_suggestions)'
complete -c restartctl -l token-file -r -F
`,
};
