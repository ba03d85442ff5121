import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { emptyFolder, samplesOf, writeSample } from '../docs/samples.ts'

// The files of docs/deployment.md: the page is what the tests start.

const samples = samplesOf('docs/deployment.md')

/** The content of a file that is no TypeScript: its block begins with a comment that names it. */
export function fileOfPage(name: string): string {
  const sample = samples.find(({ code }) => code.startsWith(`# ${name}\n`))
  assert.ok(sample, `docs/deployment.md has no ${name}`)
  return sample.code
}

let written: string | undefined

/** A folder of this process's own with the page's TypeScript. It lies in the project, so that imports find the package. */
export function serverFolder(): string {
  written ??= writeServer()
  return written
}

function writeServer(): string {
  const folder = emptyFolder('deployment', String(process.pid))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  for (const { language, name, code } of samples) {
    if (language === 'ts' && name !== undefined) writeSample(folder, name, code)
  }
  return folder
}

/** The command with which the page starts its server in a container. */
export function commandOfContainer(): string[] {
  const [, command = ''] = /^CMD (\[.*\])$/m.exec(fileOfPage('Dockerfile')) ?? []
  return JSON.parse(command)
}

/** The rows of the page's table with this heading in its first column, each as its cells without the marks of code. */
export function tableOfPage(text: string, heading: string): string[][] {
  const [, body = ''] =
    new RegExp(`^\\| ${heading} \\|.*\\n\\|[-|]+\\|\\n((?:\\|.*\\n)+)`, 'm').exec(text) ?? []
  const rows = body.split('\n').filter((line) => line !== '')
  return rows.map((row) => row.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, '').trim()))
}

/** Leaves out lines. Each must be there. */
export function withoutLines(text: string, patterns: readonly RegExp[]): string {
  const lines = text.split('\n')
  for (const pattern of patterns)
    assert.ok(
      lines.some((line) => pattern.test(line)),
      String(pattern),
    )
  return lines.filter((line) => !patterns.some((pattern) => pattern.test(line))).join('\n')
}

/** Replaces what is this machine's own: ports, certificates, times. Each must be there. */
export function fitted(text: string, replacements: readonly (readonly [from: string, to: string])[]): string {
  return replacements.reduce((fitting, [from, to]) => {
    assert.ok(fitting.includes(from), `docs/deployment.md does not have ${from} any more`)
    return fitting.replaceAll(from, to)
  }, text)
}
