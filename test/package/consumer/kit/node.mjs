import { mock, test } from 'node:test'
import { facts } from './facts.mjs'

for (const [title, play] of Object.entries(facts)) {
  test(title, play)

  test(`${title}, beside mocked timers`, async (t) => {
    mock.timers.enable()
    t.after(() => mock.timers.reset())
    await play()
  })
}
