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
import { TryProxy } from './proxy.ts'
import { TryServer } from './server.ts'
import type { Place } from './stage.ts'

// The facts of the typed client, over real sockets: in Node with each phoenix.js, and in a page.

type Phoenix = 'phoenix' | 'phoenix-1.7'
type Prove = (name: string, place: Place) => Promise<string | undefined>

/** A place where the client runs. */
interface Ground {
  readonly name: string
  readonly needs: readonly Tool[]
  /** Names of facts, each with the reason why it is not tried here. */
  readonly skips: Readonly<Record<string, string>>
  /** @default 'websocket' */
  readonly transport?: Place['transport'] & string
  open(
    server: Pick<TryServer, 'origin' | 'onCut'>,
  ): Promise<{ readonly prove: Prove; close(): Promise<void> }>
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
  'keeps its beat with phoenix.js': 'long polling needs none, and has none',
  'hears once what comes twice': 'it is made to come twice by a WebSocket',
}
const OLD: Ground['skips'] = {
  'falls back to long polling with its authToken': 'LongPoll of phoenix.js 1.7 sends no header',
}

const grounds: readonly Ground[] = [
  inNode('phoenix'),
  {
    ...inNode('phoenix-1.7'),
    skips: {
      ...OLD,
      'falls back to long polling with what it asked for, and asks anew there':
        'LongPoll of phoenix.js 1.7 knows no fetch',
    },
  },
  { name: 'Chromium', needs: ['chromium'], skips: {}, open: inBrowser(launchChromium) },
  { name: 'Firefox', needs: ['firefox'], skips: {}, open: inBrowser(launchFirefox) },
  { ...inNode('phoenix'), name: 'Node, phoenix, long polling', skips: POLLED, transport: 'longpoll' },
  {
    name: 'Chromium, long polling',
    needs: ['chromium'],
    skips: POLLED,
    transport: 'longpoll',
    open: behindProxy(inBrowser(launchChromium)),
  },
  {
    name: 'Firefox, long polling',
    needs: ['firefox'],
    skips: {
      ...POLLED,
      'comes back at once with a new token when the time of the old one is over':
        'it waits for the clock of the server, 12 s, as it does in Chromium',
    },
    transport: 'longpoll',
    open: behindProxy(inBrowser(launchFirefox)),
  },
  {
    name: 'Chromium, phoenix-1.7, long polling',
    needs: ['chromium'],
    skips: {
      ...POLLED,
      ...OLD,
      'asks for params and authToken before every connect, and waits for them':
        'LongPoll of phoenix.js 1.7 sends no header',
    },
    transport: 'longpoll',
    open: behindProxy(inBrowser(launchChromium, 'phoenix-1.7')),
  },
]

function inNode(phoenix: Phoenix): Ground {
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

/** The page of either driver. */
interface AnyPage {
  waitForFunction(script: string): Promise<unknown>
  evaluate(script: string): Promise<unknown>
}

/** The browser of either driver. */
interface AnyBrowser {
  newPage(): Promise<AnyPage & { goto(url: string): Promise<unknown> }>
  close(): Promise<void>
}

function inBrowser(launch: () => Promise<AnyBrowser>, phoenix: Phoenix = 'phoenix'): Ground['open'] {
  return async ({ origin }) => {
    const browser = await launch()
    const page = await browser.newPage()
    await page.goto(`${origin}/${phoenix}`)
    return { prove: inPage(page), close: () => browser.close() }
  }
}

/** A browser sends a poll again whose connection was reset, and nobody notices: a proxy tells it of that with a 502. */
function behindProxy(open: Ground['open']): Ground['open'] {
  return async (server) => {
    const proxy = new TryProxy(server)
    await proxy.start()
    const { prove, close } = await open({ origin: proxy.origin, onCut: () => {} })
    return {
      prove: (name, place) => prove(name, { ...place, url: proxy.url }),
      async close() {
        await close()
        proxy.stop()
      },
    }
  }
}

function pageOf(phoenix: Phoenix): string {
  return `<!doctype html><script type="module">import { prove } from "/${phoenix}.js"; globalThis.prove = prove</script>`
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
      for (const phoenix of ['phoenix', 'phoenix-1.7'] as const) {
        app.get(`/${phoenix}`, (_request, reply) => reply.type('text/html').send(pageOf(phoenix)))
        app.get(`/${phoenix}.js`, async (_request, reply) =>
          reply.type('text/javascript').send(await bundleFacts(phoenix)),
        )
      }
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
