// Prints the table of docs/compare.md: npx tsx test/compare/main.ts
import { measure, tableOf } from './table.ts'

const rows = await measure()
console.log(tableOf(rows))
for (const { side, outcome } of rows) console.log(side.name, JSON.stringify(outcome))
process.exit()
