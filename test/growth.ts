import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

// All of the source that can grow: collections that outlive a statement, timers, listeners, chains of promises, bytes that are
// put together. Found by how it is written.

const src = new URL('../src/', import.meta.url).pathname

/** Each kind: what a line of it looks like, and the name that it has in the table. */
const KINDS: readonly (readonly [kind: string, line: RegExp])[] = [
  [
    'field',
    /^ {2}(?:readonly |static |protected |private )*(#?\w+)(?::(?:[^=]|=>)*)? = (?:\{ .*)?(?:new (?:Map|Set|AgedMap|WeakMap|WeakSet)\b|\[\])/,
  ],
  [
    'field',
    /^ {2}(?:readonly )?(#\w+): (?:readonly )?(?:\(.*\)|[\w<>, .|]+)(?:\[\]|(?:Map|Set|AgedMap)<.*>)(?: \| undefined)?(?: = undefined)?$/,
  ],
  ['field', /^ {2}(?:readonly )?(#\w+): (?:Readonly)?(?:Map|Set|AgedMap)<.*$/],
  ['const', /^(?:export )?const (\w+)(?::[^=]*)? = new (?:Map|Set|AgedMap|WeakMap|WeakSet)\b/],
  ['local', /^ {2}const (\w+)(?::[^=]*)? = new (?:Map|Set|AgedMap)\b/],
  ['class', /^(?:export )?class (\w+) extends (?:Map|Set|AgedMap)\b/],
  ['made later', /(#\w+) \?\?= (?:new (?:Map|Set|AgedMap)|\[)/],
  ['timer', /\.(setTimeout|setInterval)\(/],
  ['listener', /\.(addEventListener|on|once)\(/],
  ['chain', /(#\w+) = this\.\1[?]?\.(?:then|finally)\(/],
  ['bytes', /(Buffer\.concat)\(/],
  ['text', /(#\w+) \+= [`'"]/],
]

/** Every place, as `file kind name`. */
export function findGrowth(): string[] {
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
  return [...new Set(files.sort().flatMap(inFile))]
}

function inFile(file: string): string[] {
  const lines = readFileSync(join(src, file), 'utf8').split('\n')
  return lines.filter((line) => !/^\s*(?:\*|\/\/|\/\*)/.test(line)).flatMap((line) => inLine(file, line))
}

function inLine(file: string, line: string): string[] {
  return KINDS.flatMap(([kind, pattern]) => {
    const name = pattern.exec(line)?.[1]
    return name === undefined ? [] : [`${file} ${kind === 'made later' ? 'field' : kind} ${name}`]
  })
}
