import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import Fastify from 'fastify'
import { until } from '../support/until.ts'
import type { Line } from './chat.ts'
import { Way } from './cut.ts'
import type { Side } from './sides.ts'

export const CUT_MS = 3_000
const EVERY_MS = 100
/** A visitor who waits long for the next try must not find more lines than a history keeps. */
const AFTER_MS = 1_000

/** The fate of the lines that were said while a visitor was cut off. */
export interface Outcome {
  readonly said: number
  readonly lost: number
  readonly doubled: number
  /** From the end of the cut until the visitor heard something again. */
  readonly backMs: number
}

/** A real run: bob goes on to speak while ada's connection is cut. Both use what the library has for this. */
export async function breakConnection(side: Side): Promise<Outcome> {
  const app = Fastify()
  await side.serve(app)
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const way = await Way.to(port)
  const heard: string[] = []
  let here: readonly string[] = []
  let isBack = (): void => {}
  const back = new Promise<void>((resolve) => {
    isBack = resolve
  })
  const page = {
    said: ({ body }: Line) => {
      heard.push(body)
      if (body.startsWith('after')) isBack()
    },
    here: (names: readonly string[]) => {
      here = names
    },
  }
  const ada = side.open(`http://127.0.0.1:${way.port}`, 'lobby', 'ada', page)
  const bob = side.open(`http://127.0.0.1:${port}`, 'lobby', 'bob', { said() {}, here() {} })
  try {
    await until('both are here', () => here.includes('ada') && here.includes('bob'))
    await bob.say('before')
    await until('ada hears bob', () => heard.includes('before'))
    await way.cut()
    const end = performance.now() + CUT_MS
    const said: string[] = []
    while (performance.now() < end) {
      said.push(`line ${said.length}`)
      await bob.say(`line ${said.length - 1}`)
      await sleep(EVERY_MS)
    }
    await way.mend()
    const mended = performance.now()
    for (let n = 0; !heard.some((body) => body.startsWith('after')); n++) {
      await bob.say(`after ${n}`)
      await Promise.race([back, sleep(AFTER_MS)])
      if (performance.now() > mended + 60_000) throw new Error(`${side.name}: ada never came back`)
    }
    const backMs = performance.now() - mended
    await bob.say('last')
    await until('the last line', () => heard.includes('last'))
    return {
      said: said.length,
      lost: said.filter((body) => !heard.includes(body)).length,
      doubled: heard.length - new Set(heard).size,
      backMs: Math.round(backMs),
    }
  } finally {
    await ada.close()
    await bob.close()
    await way.cut()
    await app.close()
  }
}
