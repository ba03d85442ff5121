import { test } from 'node:test'
import { scenarios, stage } from './scenarios.ts'

for (const [title, play] of Object.entries(scenarios)) {
  test(title, async (t) => {
    const board = await stage()
    t.after(() => board.app.close())
    await play(board)
  })
}
