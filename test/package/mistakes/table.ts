import type { Mistake } from './mistakes.ts'

/** The mistakes as docs/mistakes.md shows them: a table below each headline. */
export function tables(mistakes: Readonly<Record<string, readonly Mistake[]>>): string {
  return Object.entries(mistakes)
    .map(
      ([area, rows]) =>
        `## ${area}\n\n| the mistake | what it is told |\n|---|---|\n${rows.map(row).join('')}`,
    )
    .join('\n')
}

function row({ code, says }: Mistake): string {
  return `| ${span(code)} | ${span(says)} |\n`
}

/** Code that may hold backticks, on one line. */
function span(text: string): string {
  const line = text.replaceAll(/\s*\n\s*/g, ' ⏎ ').replaceAll('|', '\\|')
  return line.includes('`') ? `\`\` ${line} \`\`` : `\`${line}\``
}
