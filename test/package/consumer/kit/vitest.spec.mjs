import { afterEach, describe, expect, test, vi } from 'vitest'
import { facts } from './facts.mjs'

describe('with the timers of the machine', () => {
  test.each(Object.entries(facts))('%s', (_, play) => play())
})

describe('beside mocked timers', () => {
  afterEach(() => void vi.useRealTimers())

  test.each(Object.entries(facts))('%s', async (_, play) => {
    vi.useFakeTimers()
    const own = vi.fn()
    setTimeout(own, 1)
    await play()
    expect(own).not.toHaveBeenCalled()
    vi.advanceTimersByTime(1)
    expect(own).toHaveBeenCalledOnce()
  })
})
