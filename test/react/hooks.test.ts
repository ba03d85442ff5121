import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { launchChromium } from '../support/chromium.ts'
import { launchFirefox } from '../support/firefox.ts'
import { need, type Tool } from '../support/need.ts'
import { bundlePage, reacts } from './bundle.ts'
import type { Orders, Seat, View } from './orders.ts'
import { HookServer } from './server.ts'

// The hooks in strict mode, of React 19 and 18, in Chromium and in Firefox, over real sockets, with a server that counts.

/** A page of either driver. */
interface Page {
  on(event: 'pageerror', listener: (error: unknown) => void): unknown
  on(event: 'console', listener: (message: { type(): string; text(): string }) => void): unknown
  goto(url: string): Promise<unknown>
  evaluate<T>(script: string): Promise<T>
  waitForFunction(script: string): Promise<unknown>
  close(): Promise<void>
}

interface Browser {
  newPage(): Promise<Page>
  close(): Promise<void>
}

const browsers: readonly { name: string; tool: Tool; launch(): Promise<Browser> }[] = [
  { name: 'Chromium', tool: 'chromium', launch: launchChromium },
  { name: 'Firefox', tool: 'firefox', launch: launchFirefox as () => Promise<Browser> },
]

const grounds = browsers.flatMap((browser) =>
  Object.entries(reacts).map(([version, react]) => ({ ...browser, version, react })),
)

for (const { name, tool, launch, version, react } of grounds)
  describe(`the hooks of ${version} in ${name}`, { ...need(tool), timeout: 300_000 }, () => {
    let browser: Browser
    let server: HookServer
    let page: Page
    let said: string[] = []
    /** Words of the page that a test asks for: they may come late. */
    let wanted: RegExp | undefined
    /** With a topic of each test's own. */
    let ada: Seat
    let elsewhere: Seat
    let tests = 0

    before(async () => {
      server = new HookServer(await bundlePage(fileURLToPath(new URL('page.ts', import.meta.url)), react))
      await server.start()
      browser = await launch()
    })
    after(async () => {
      await browser?.close()
      await server?.stop()
    })
    beforeEach(async () => {
      said = []
      wanted = undefined
      tests += 1
      ada = { id: 'one', topic: `room:${tests}a`, name: 'ada' }
      elsewhere = { ...ada, topic: `room:${tests}b` }
      page = await browser.newPage()
      const say = (text: string): void => {
        // The server is away in some of the tests, which both browsers tell.
        if (!/WebSocket|ws:/.test(text) && wanted?.test(text) !== true) said.push(text)
      }
      page.on('pageerror', (error) => say(String(error)))
      page.on('console', (message) => {
        if (message.type() === 'error') say(message.text())
      })
      await page.goto(server.origin)
      await page.waitForFunction('globalThis.orders !== undefined')
    })
    afterEach(async () => {
      await page.close()
      assert.deepEqual(said, [])
    })

    // As JSON: WebDriver BiDi gives an object that is there twice once.
    const order = async <O extends keyof Orders>(
      name: O,
      ...args: Parameters<Orders[O]>
    ): Promise<Awaited<ReturnType<Orders[O]>>> =>
      JSON.parse(
        await page.evaluate(
          `Promise.resolve(globalThis.orders.${name}(...${JSON.stringify(args)})).then((said) => JSON.stringify(said ?? null))`,
        ),
      )

    /** Waits until a component shows this. */
    const shows = async (id: string, wanted: Partial<View>): Promise<void> => {
      let got: View | undefined
      for (const deadline = performance.now() + 30_000; performance.now() < deadline; ) {
        got = (await order('views'))[id]
        if (got && Object.entries(wanted).every(([key, value]) => equal(Reflect.get(got ?? {}, key), value)))
          return
      }
      assert.deepEqual(got, wanted)
    }
    const until = async (what: string, isTrue: () => boolean): Promise<void> => {
      const deadline = performance.now() + 30_000
      while (!isTrue()) {
        if (performance.now() > deadline)
          assert.fail(`never: ${what}: ${[...seen(), ...seenElsewhere()].join(', ')}`)
        await order('views')
      }
    }
    const seen = () => server.of(ada.topic)
    const seenElsewhere = () => server.of(elsewhere.topic)

    test(`it is ${version}`, async () => {
      assert.equal(`React ${parseInt(await order('version'), 10)}`, version)
    })

    test('R1 strict mode joins once, and leaves once when the component is gone', async () => {
      await order('show', [ada])
      await shows('one', { state: 'joined', reply: { welcome: 'ada' }, recovered: false })
      await order('show', [])
      await until('it left', () => seen().length === 2)
      await order('show', [elsewhere])
      await shows('one', { state: 'joined' })
      await order('unmount')
      await until('it left', () => seenElsewhere().length === 2)
      assert.deepEqual(seen(), ['join ada', 'leave ada left'])
      assert.deepEqual(seenElsewhere(), ['join ada', 'leave ada left'])
    })

    test('R2 components with one topic share its join, and the last that goes leaves', async () => {
      const other = { ...ada, id: 'other' }
      await order('show', [ada, other])
      await shows('one', { state: 'joined' })
      await shows('other', { state: 'joined', reply: { welcome: 'ada' } })
      await order('show', [other])
      await order('show', [other, elsewhere])
      await shows('one', { state: 'joined' })
      assert.deepEqual([...seen(), ...seenElsewhere()], ['join ada', 'join ada'])
      server.say(ada.topic, 'still here')
      await shows('other', { lines: ['hello ada', 'still here'] })
      await order('unmount')
      await until('both left', () => seen().length === 2 && seenElsewhere().length === 2)
    })

    test('R3 another topic leaves the old one and joins the new one', async () => {
      await order('show', [ada])
      await shows('one', { state: 'joined' })
      await order('show', [elsewhere])
      await shows('one', { state: 'joined' })
      await until('it moved', () => seen().length === 2)
      assert.deepEqual(seen(), ['join ada', 'leave ada left'])
      assert.deepEqual(seenElsewhere(), ['join ada'])
      server.say(ada.topic, 'not for you')
      server.say(elsewhere.topic, 'for you')
      await shows('one', { lines: ['hello ada', 'hello ada', 'for you'] })
    })

    test('R3 another payload leaves, and joins with it; the same payload in another object changes nothing', async () => {
      await order('show', [ada])
      await shows('one', { state: 'joined', people: ['ada'] })
      await order('show', [{ ...ada }])
      await order('show', [{ ...ada, name: 'bo' }])
      await shows('one', { state: 'joined', reply: { welcome: 'bo' }, people: ['bo'] })
      assert.deepEqual(seen().sort(), ['join ada', 'join bo', 'leave ada left'])
    })

    test('R4 an event is heard once, by the handler of the last rendering, without another subscription', async () => {
      await order('show', [ada])
      await shows('one', { lines: ['hello ada'] })
      const subscriptions = await order('subscriptions')
      for (const mark of ['1 ', '2 ']) {
        await order('show', [{ ...ada, mark }])
        server.say(ada.topic, 'hi')
        await shows('one', { lines: mark === '1 ' ? ['hello ada', '1 hi'] : ['hello ada', '1 hi', '2 hi'] })
      }
      assert.equal(await order('subscriptions'), subscriptions)
    })

    test('R5 presences are shown as they come and go', async () => {
      await order('show', [ada])
      await shows('one', { people: ['ada'] })
      const other = await browser.newPage()
      await other.goto(server.origin)
      await other.evaluate(`globalThis.orders.show([${JSON.stringify({ ...ada, name: 'bo' })}])`)
      await shows('one', { people: ['ada', 'bo'] })
      await other.close()
      await shows('one', { people: ['ada'] })
    })

    test('R6 a restart of the server is shown, and survived by all hooks', async () => {
      await order('show', [ada])
      await shows('one', { state: 'joined', people: ['ada'] })
      await server.stop()
      await shows('one', { state: 'offline', reply: { welcome: 'ada' } })
      await server.start()
      await shows('one', { state: 'joined', people: ['ada'] })
      server.say(ada.topic, 'back')
      await shows('one', { lines: ['hello ada', 'hello ada', 'back'] })
      assert.deepEqual(
        seen().filter((line) => line.startsWith('join')),
        ['join ada', 'join ada'],
      )
    })

    test('R7 a refusal is shown, and not tried again until the application does', async () => {
      server.isKind = false
      await order('show', [{ ...ada, name: 'mallory' }])
      await shows('one', { state: 'closed', error: 'unwelcome', isRetried: false })
      // phoenix.js would ask again with each connection.
      await server.stop()
      await server.start()
      await order('show', [
        { ...ada, name: 'mallory' },
        { ...elsewhere, id: 'other' },
      ])
      await shows('other', { state: 'joined' })
      assert.deepEqual(seen(), ['join mallory'])
      server.isKind = true
      await order('again', 'one')
      await shows('one', { state: 'joined', reply: { welcome: 'mallory' }, lines: ['hello mallory'] })
      const [view] = Object.values(await order('views'))
      assert.equal(view?.error, undefined)
    })

    test('R7 a client that is closed is shown as closed', async () => {
      await order('close')
      await order('show', [ada])
      await shows('one', { state: 'closed', error: 'closed' })
      assert.deepEqual(seen(), [])
    })

    test('R8 a topic that is joined with another payload elsewhere is thrown to the error boundary', async () => {
      wanted = /leave it first|error boundary/i
      await order('show', [ada, { ...ada, id: 'other', name: 'bo' }])
      let errors: string[] = []
      while (errors.length === 0) errors = await order('errors')
      assert.match(errors.join(), /TypeError: .*room:.*leave it first/)
    })

    test('R9 a push by the effect of a child, which runs before the join, is sent once that is answered', async () => {
      await order('show', [{ ...ada, push: 'from an effect' }])
      await shows('one', { pushed: 'from an effect' })
    })

    test('R10 a tree that is hidden while a part of it waits stays joined, and hears everything', async () => {
      await order('show', [ada])
      await shows('one', { lines: ['hello ada'] })
      await order('suspend')
      await page.waitForFunction("document.querySelector('em')?.textContent === 'wait'")
      server.say(ada.topic, 'meanwhile')
      await order('release')
      await shows('one', { lines: ['hello ada', 'meanwhile'] })
      assert.deepEqual(seen(), ['join ada'])
    })

    test('R11 the HTML of a server is taken over without a difference, and then joins once', async () => {
      const html = await order('hydrate', [ada])
      assert.match(html, /one joining/)
      await shows('one', { state: 'joined', people: ['ada'] })
      assert.deepEqual(await order('errors'), [])
      assert.deepEqual(seen(), ['join ada'])
      await order('unmount')
      await until('it left', () => seen().length === 2)
    })
  })

function equal(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}
