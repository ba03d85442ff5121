import { after, before, test } from 'node:test'
import { play } from './player.ts'
import { RecordedServer } from './recorded-server.ts'
import { rows } from './rows.ts'

let server: RecordedServer
before(async () => {
  server = await RecordedServer.start()
})
after(() => server.stop())

for (const row of rows) test(`${row.fact} (${row.name})`, () => play(server, row))
