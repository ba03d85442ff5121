import { readdirSync, readFileSync } from 'node:fs'
import { readRows } from './notation.ts'

const folder = new URL('./rows/', import.meta.url)

/** All scenarios that are written by hand: what the wire does, line by line, without a recording. */
export const rows = readdirSync(folder)
  .sort()
  .flatMap((file) => readRows(readFileSync(new URL(file, folder), 'utf8')))
