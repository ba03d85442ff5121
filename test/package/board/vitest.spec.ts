import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type Stage, scenarios, stage } from './scenarios.ts'

for (const timers of ['real', 'mocked']) {
  describe(`with ${timers} timers`, () => {
    let board: Stage
    beforeEach(async () => {
      if (timers === 'mocked') vi.useFakeTimers({ toFake: ['setTimeout', 'setInterval', 'setImmediate'] })
      board = await stage()
    })
    afterEach(async () => {
      await board.app.close()
      expect(board.app.channels.status().state).toBe('stopped')
      vi.useRealTimers()
    })
    test.each(Object.entries(scenarios))('%s', async (_, play) => {
      await play(board)
    })
  })
}
