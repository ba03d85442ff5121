import { readFile } from 'node:fs/promises'
import type { FastifyInstance } from 'fastify'
import type { Browser, Page } from 'playwright-core'
import ts from 'typescript-5.9'
import { launchChromium } from '../support/chromium.ts'
import type { Answer, Client, ConnectOptions } from './client.ts'
import { readBinaryModule } from './read-binary.ts'
import type { ClientServer } from './server.ts'

const LIBRARIES = ['phoenix', 'phoenix-1.7']
/** The options of an agent that polls, beside those of its socket. */
const POLLED = 'rejoinMs: 500, prepare: readBinary'

/** The pages in which clients live: the versions of phoenix.js of npm, each by WebSockets, by polls, and with its own way from one to the other. */
const PAGES: Readonly<Record<string, string>> = Object.fromEntries(
  LIBRARIES.flatMap((library) => [
    [`/${library}`, pageOf(library, 'options: {}')],
    [`/${library}/polling`, pageOf(library, `${POLLED}, options: { transport: LongPoll }`)],
    [`/${library}/falling-back`, pageOf(library, `${POLLED}, options: { longPollFallbackMs: 300 }`)],
  ]),
)

function pageOf(library: string, rest: string): string {
  return `<!doctype html><script type="module">
  import { LongPoll, Presence, Socket } from '/${library}.mjs'
  import { Agent } from '/agent.mjs'
  import { readBinary } from '/decode.mjs'
  globalThis.agent = new Agent({ Socket, Presence, ${rest} })
</script>`
}

/** Serves the pages with phoenix.js and the agent that drives it. */
export function servePages(app: FastifyInstance): void {
  for (const [path, page] of Object.entries(PAGES))
    app.get(path, (_request, reply) => reply.type('text/html').send(page))
  app.get('/decode.mjs', (_request, reply) => reply.type('text/javascript').send(readBinaryModule()))
  for (const library of LIBRARIES)
    app.get(`/${library}.mjs`, async (_request, reply) =>
      reply.type('text/javascript').send(await readFile(new URL(import.meta.resolve(library)), 'utf8')),
    )
  app.get('/agent.mjs', async (_request, reply) => reply.type('text/javascript').send(await agentModule()))
}

async function agentModule(): Promise<string> {
  const source = await readFile(new URL('agent.ts', import.meta.url), 'utf8')
  const compilerOptions = {
    module: ts.ModuleKind.ESNext,
    target: ts.ScriptTarget.ES2022,
    verbatimModuleSyntax: true,
  }
  return ts.transpileModule(source, { compilerOptions }).outputText
}

/** One Chromium; each client is a page of its own. */
export class ChromiumClients {
  readonly #browser: Browser
  readonly #url: string

  private constructor(browser: Browser, url: string) {
    this.#browser = browser
    this.#url = url
  }

  /** @param page The path of the page in which each client lives. */
  static async launch({ origin }: Pick<ClientServer, 'origin'>, page: string): Promise<ChromiumClients> {
    return new ChromiumClients(await launchChromium(), `http://${origin}${page}`)
  }

  async open(): Promise<Client> {
    const page = await this.#browser.newPage()
    await page.goto(this.#url)
    await page.waitForFunction('globalThis.agent !== undefined')
    return new PageClient(page)
  }

  close(): Promise<void> {
    return this.#browser.close()
  }
}

/** The agent of a page, called from here. */
class PageClient implements Client {
  readonly #page: Page

  constructor(page: Page) {
    this.#page = page
  }

  connect(url: string, options?: ConnectOptions): Promise<void> {
    return this.#call('connect', url, options)
  }

  join(topic: string, params?: object): Promise<Answer> {
    return this.#call('join', topic, params)
  }

  push(topic: string, event: string, payload?: object): Promise<Answer> {
    return this.#call('push', topic, event, payload)
  }

  send(topic: string, event: string): Promise<void> {
    return this.#call('send', topic, event)
  }

  pushBytes(topic: string, event: string, bytes: readonly number[]): Promise<Answer> {
    return this.#call('pushBytes', topic, event, bytes)
  }

  leave(topic: string): Promise<Answer> {
    return this.#call('leave', topic)
  }

  present(topic: string): Promise<Record<string, string[]>> {
    return this.#call('present', topic)
  }

  state(topic: string): Promise<string> {
    return this.#call('state', topic)
  }

  next(name: string): Promise<unknown> {
    return this.#call('next', name)
  }

  async disconnect(): Promise<void> {
    if (this.#page.isClosed()) return
    await this.#call('disconnect')
    await this.#page.close()
  }

  #call<R>(method: keyof Client, ...args: unknown[]): Promise<R> {
    const given = JSON.stringify(args.filter((arg) => arg !== undefined))
    return this.#page.evaluate(`globalThis.agent.${method}(...${given})`)
  }
}
