import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { WebSocket } from 'ws'
import { launchChromium } from '../support/chromium.ts'
import { launchFirefox } from '../support/firefox.ts'
import { need, type Tool } from '../support/need.ts'
import { bundleFacts } from './bundle.ts'
import { facts } from './facts.ts'
import { TryServer } from './server.ts'
import type { Place } from './stage.ts'

// The facts of the typed client, over real sockets: in Node with each phoenix.js, and in a page.

type Prove = (name: string, place: Place) => Promise<string | undefined>

/** A place where the client runs. */
interface Ground {
  readonly name: string
  readonly needs: readonly Tool[]
  /** Names of facts, each with the reason why it is not tried here. */
  readonly skips: Readonly<Record<string, string>>
  /** @default 'websocket' */
  readonly transport?: Place['transport'] & string
  open(server: TryServer): Promise<{ readonly prove: Prove; close(): Promise<void> }>
}

// Node 20 has no WebSocket, and no version tells when it is online.
const events = new EventTarget()
Object.assign(globalThis, {
  WebSocket,
  addEventListener: events.addEventListener.bind(events),
  removeEventListener: events.removeEventListener.bind(events),
  dispatchEvent: events.dispatchEvent.bind(events),
})

const POLLED: Ground['skips'] = {
  'comes back at once with a new token when the time of the old one is over':
    'phoenix.js polls on over a new session, which it opens with the address of then',
}

// Not by long polling in a page: browsers send a poll again whose connection was cut, and nobody notices the cut.
const grounds: readonly Ground[] = [
  inNode('phoenix'),
  inNode('phoenix-1.7'),
  { name: 'Chromium', needs: ['chromium'], skips: {}, open: inChromium },
  { name: 'Firefox', needs: ['firefox'], skips: {}, open: inFirefox },
  { ...inNode('phoenix'), name: 'Node, phoenix, long polling', skips: POLLED, transport: 'longpoll' },
]

function inNode(phoenix: 'phoenix' | 'phoenix-1.7'): Ground {
  return {
    name: `Node, ${phoenix}`,
    needs: [],
    skips: {},
    async open() {
      const folder = mkdtempSync(join(tmpdir(), 'beryl-client-'))
      const file = join(folder, 'facts.mjs')
      writeFileSync(file, await bundleFacts(phoenix))
      const { prove }: { prove: Prove } = await import(pathToFileURL(file).href)
      return { prove, close: async () => rmSync(folder, { recursive: true }) }
    },
  }
}

async function inChromium(server: TryServer): Promise<{ prove: Prove; close(): Promise<void> }> {
  const browser = await launchChromium()
  const page = await browser.newPage()
  await page.goto(server.origin)
  return { prove: inPage(page), close: () => browser.close() }
}

async function inFirefox(server: TryServer): Promise<{ prove: Prove; close(): Promise<void> }> {
  const browser = await launchFirefox()
  const page = await browser.newPage()
  await page.goto(server.origin)
  return { prove: inPage(page), close: () => browser.close() }
}

/** The page of either driver. */
interface AnyPage {
  waitForFunction(script: string): Promise<unknown>
  evaluate(script: string): Promise<unknown>
}

function inPage(page: AnyPage): Prove {
  return async (...args) => {
    await page.waitForFunction('globalThis.prove !== undefined')
    const said = await page.evaluate(
      `globalThis.prove(...${JSON.stringify(args)}).then((said) => said ?? null)`,
    )
    return said === null ? undefined : String(said)
  }
}

for (const { name, needs, skips, transport = 'websocket', open } of grounds)
  describe(name, need(...needs), () => {
    const server = new TryServer((app) => {
      app.get('/', (_request, reply) =>
        reply
          .type('text/html')
          .send(
            '<!doctype html><script type="module">import { prove } from "/facts.js"; globalThis.prove = prove</script>',
          ),
      )
      app.get('/facts.js', async (_request, reply) =>
        reply.type('text/javascript').send(await bundleFacts('phoenix')),
      )
    })
    let ground: Awaited<ReturnType<Ground['open']>> | undefined

    before(async () => {
      await server.start()
      ground = await open(server)
    })
    after(async () => {
      await ground?.close()
      await server.stop()
    })

    for (const [index, fact] of Object.keys(facts).entries())
      test(fact, { skip: skips[fact] ?? false, timeout: 120_000 }, async () => {
        const { url, control } = server
        assert.equal(
          await ground?.prove(fact, { url, control, transport, topic: `room:${index}` }),
          undefined,
        )
      })
  })
