import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { Browser, BrowserContext, Locator, Page } from 'playwright-core'
import { buildChat } from '../../example-app/server.ts'
import { launchChromium } from '../support/chromium.ts'
import { Wire } from './wire.ts'

const DEADLINE_MS = 45_000

/** The example chat on a port of the system's choice, and a browser to look at it. */
export class ChatStage {
  readonly #browser: Browser
  #app: FastifyInstance | undefined
  #port = 0

  private constructor(browser: Browser) {
    this.#browser = browser
  }

  static async open(): Promise<ChatStage> {
    const stage = await ChatStage.look()
    await stage.startServer()
    return stage
  }

  /** A browser alone, for chats that are served elsewhere: see `at` of a visit. */
  static async look(): Promise<ChatStage> {
    return new ChatStage(await launchChromium())
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/`
  }

  /** Starts the server: the first time on any port, then on the same one again. */
  async startServer(): Promise<void> {
    this.#app = await buildChat()
    await this.#app.listen({ port: this.#port, host: '127.0.0.1' })
    this.#port = (this.#app.server.address() as AddressInfo).port
  }

  /** A way to the server that can be cut. */
  wire(): Promise<Wire> {
    return Wire.to(this.#port)
  }

  /** A job of the server says something in a room, in the name of somebody. */
  async publish(room: string, bodies: readonly string[]): Promise<void> {
    for (const body of bodies) {
      const said = { id: body, from: 'Robot', body, at: Date.now() }
      await this.#app?.channels.publish(`room:${room}` as never, 'said' as never, said as never)
    }
  }

  async stopServer(): Promise<void> {
    await this.#app?.close()
    this.#app = undefined
  }

  /** Opens the chat as a person who was never here, in a browser profile of their own. */
  async visit(name: string, options: VisitOptions = {}): Promise<ChatWindow> {
    const window = await this.#load(await this.#browser.newContext(options), name, options)
    await window.page.getByLabel('Your name').fill(name)
    await window.page.getByRole('button', { name: 'Come in' }).click()
    await window.arrived()
    return window
  }

  /** Opens a second tab in the browser profile of a window. */
  async anotherTab(of: ChatWindow): Promise<ChatWindow> {
    const window = await this.#load(of.page.context(), of.name, {})
    await window.arrived()
    return window
  }

  /** An operator's curl. */
  announce(body: string): Promise<Response> {
    return fetch(`${this.url}announce`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ body }),
    })
  }

  async close(): Promise<void> {
    await this.#browser.close()
    await this.stopServer()
  }

  async #load(context: BrowserContext, name: string, options: VisitOptions): Promise<ChatWindow> {
    const { room = '', ownClock = false, at = this.url } = options
    context.setDefaultTimeout(DEADLINE_MS)
    const window = new ChatWindow(await context.newPage(), name)
    if (ownClock) await window.page.clock.install()
    await window.page.goto(at + (room === '' ? '' : `#${room}`))
    return window
  }
}

interface VisitOptions {
  readonly room?: string
  /** The address of the chat, where it is not that of the stage. */
  readonly at?: string
  /** Gives the page a clock that the test can put forward with `page.clock`. */
  readonly ownClock?: boolean
  readonly viewport?: { readonly width: number; readonly height: number }
  readonly colorScheme?: 'dark' | 'light'
}

/** One window of the chat, as its user sees it. Everything that is expected is waited for. */
export class ChatWindow {
  readonly page: Page
  readonly name: string
  /** The errors that the page threw and nobody caught. */
  readonly errors: Error[] = []

  constructor(page: Page, name: string) {
    this.page = page
    this.name = name
    page.on('pageerror', (error) => this.errors.push(error))
  }

  /** The room is joined, and presence says that we are in it. */
  async arrived(): Promise<void> {
    await this.person(this.name).waitFor({ state: 'attached' })
  }

  async say(body: string): Promise<void> {
    await this.page.getByLabel('Message', { exact: true }).fill(body)
    await this.page.getByRole('button', { name: 'Send' }).click()
  }

  async sees(text: string): Promise<void> {
    await this.page.locator('#messages').getByText(text, { exact: true }).waitFor()
  }

  async isTold(text: string): Promise<void> {
    await this.page.locator('#state').getByText(text).waitFor()
  }

  async isServedBy(address: string): Promise<void> {
    await this.page.getByText(`served by ${new URL(address).host}`).waitFor()
  }

  /** The text of the line on the connection, now. */
  async told(): Promise<string> {
    return (await this.page.locator('#state').textContent()) ?? ''
  }

  /** The marks of those who were away, as they stand there now. */
  marks(): Promise<string[]> {
    return this.page.locator('#messages .note:is(.missed, .gap)').allTextContents()
  }

  /** The text that stands right behind a mark. */
  behindMark(): Promise<string | null> {
    return this.page.locator('#messages .note:is(.missed, .gap) + .said p').textContent()
  }

  /** All that was said, as it stands there now. */
  said(): Promise<string[]> {
    return this.page.locator('#messages .said p').allTextContents()
  }

  /** The number of messages with this text, now. */
  count(text: string): Promise<number> {
    return this.page.locator('#messages').getByText(text, { exact: true }).count()
  }

  /** The line of a person in the list of those who are here. */
  person(name: string): Locator {
    return this.page.locator('#people .person', { has: this.page.getByText(name, { exact: true }) })
  }

  async crash(): Promise<void> {
    await this.page.getByText('Try it out').click()
    await this.page.getByRole('button', { name: 'Crash my channel' }).click()
  }

  async announce(body: string): Promise<void> {
    await this.page.getByText('Try it out').click()
    await this.page.getByLabel('Announcement').fill(body)
    await this.page.getByLabel('Announcement').press('Enter')
  }

  /** Closes the window and, where it was the last of its profile, the profile. */
  async close(): Promise<void> {
    const context = this.page.context()
    await this.page.close()
    if (context.pages().length === 0) await context.close()
  }
}
