import { readFileSync, writeFileSync } from 'node:fs'
import { mistakes } from './mistakes.ts'
import { tables } from './table.ts'

// `node --import tsx test/package/mistakes/write.ts` writes the tables of docs/mistakes.md anew, from mistakes.ts.

const page = new URL('../../../docs/mistakes.md', import.meta.url)
const text = readFileSync(page, 'utf8')
const [head] = text.split(/^## /m)
writeFileSync(page, `${head}${tables(mistakes)}`)
