import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { need } from '../support/need.ts'
import { ChatStage, type ChatWindow } from './chat-stage.ts'

const PHONE = { width: 390, height: 844 }
const MAY_BE_MISSING = 'Messages may be missing here'

describe('the example chat in Chromium', { ...need('chromium'), timeout: 300_000 }, () => {
  let stage: ChatStage
  let windows: ChatWindow[] = []

  before(async () => {
    stage = await ChatStage.open()
  })
  after(() => stage?.close())
  afterEach(async () => {
    const closing = windows
    windows = []
    for (const window of closing.reverse()) await window.close()
    assert.deepEqual(
      closing.flatMap(({ errors }) => errors),
      [],
    )
  })

  const visit = async (...[name, options]: Parameters<ChatStage['visit']>): Promise<ChatWindow> => {
    const window = await stage.visit(name, options)
    windows.push(window)
    return window
  }

  const anotherTab = async (of: ChatWindow): Promise<ChatWindow> => {
    const window = await stage.anotherTab(of)
    windows.push(window)
    return window
  }

  test('two windows chat with each other', async () => {
    const [ada, bo] = [await visit('Ada'), await visit('Bo')]
    await ada.say('Hello Bo')
    await bo.sees('Hello Bo')
    await bo.say('Hello <b>Ada</b> & all')
    await ada.sees('Hello <b>Ada</b> & all')
  })

  test('who comes later sees what was said before', async () => {
    const ada = await visit('Ada', { room: 'library' })
    await ada.say('Is anybody here?')
    await ada.sees('Is anybody here?')
    await (await visit('Bo', { room: 'library' })).sees('Is anybody here?')
  })

  test('typing is seen by the others until the message comes', async () => {
    const [ada, bo] = [await visit('Ada'), await visit('Bo')]
    await bo.page.getByLabel('Message', { exact: true }).pressSequentially('Hi')
    const mark = ada.page.getByText('Bo is typing…')
    await mark.waitFor()
    assert.equal(await bo.page.getByText('typing…').count(), 0)
    await bo.page.getByRole('button', { name: 'Send' }).click()
    await ada.sees('Hi')
    await mark.waitFor({ state: 'detached' })
  })

  test('a typing mark fades when its user goes on with nothing', async () => {
    const [ada, bo] = [await visit('Ada', { ownClock: true }), await visit('Bo')]
    await bo.page.getByLabel('Message', { exact: true }).pressSequentially('Hi')
    await ada.page.getByText('Bo is typing…').waitFor()
    await ada.page.clock.fastForward(5_000)
    await ada.page.getByText('Bo is typing…').waitFor({ state: 'detached' })
  })

  test('a second tab of one user is counted, not listed, and its end is seen', async () => {
    const [ada, bo] = [await visit('Ada'), await visit('Bo')]
    const tab = await anotherTab(ada)
    await bo.person('Ada').getByText('2 tabs').waitFor()
    assert.equal(await bo.page.locator('#people .person').count(), 2)

    await tab.close()
    await bo.person('Ada').getByText('2 tabs').waitFor({ state: 'detached' })
    await bo.person('Ada').waitFor()

    await ada.close()
    await bo.person('Ada').waitFor({ state: 'detached' })
    await bo.sees('Ada left')
    assert.equal(await bo.count('Ada came in'), 0)
  })

  test('a user is idle when all of their tabs are hidden', async () => {
    const [ada, bo] = [await visit('Ada'), await visit('Bo')]
    const tab = await anotherTab(ada)
    await bo.person('Ada').getByText('2 tabs').waitFor()
    await hide(tab)
    await bo.person('Ada').and(bo.page.locator('.person:not(.idle)')).waitFor()
    await hide(ada)
    await bo.person('Ada').getByText('idle').waitFor()
    await ada.page.keyboard.press('Shift')
    await bo.person('Ada').getByText('idle').waitFor({ state: 'detached' })
  })

  test('a user is idle after a minute without a touch', async () => {
    const [ada, bo] = [await visit('Ada', { ownClock: true }), await visit('Bo')]
    await ada.page.clock.fastForward(61_000)
    await bo.person('Ada').getByText('idle').waitFor()
    await ada.page.getByLabel('Message', { exact: true }).click()
    await bo.person('Ada').getByText('idle').waitFor({ state: 'detached' })
  })

  test('a handler that throws costs one channel: its client joins again, the others go on', async () => {
    const [ada, bo] = [await visit('Ada'), await visit('Bo')]
    await ada.crash()
    await ada.isTold('The channel crashed. Joining again…')
    await ada.isTold('Back again.')
    await ada.say('That was me')
    await bo.sees('That was me')
    assert.deepEqual(await ada.marks(), [])
    assert.equal(await bo.told(), '')
  })

  test('who was cut off sees what was said meanwhile, once and in order, below a mark that counts it', async (t) => {
    const wire = await stage.wire()
    t.after(() => wire.end())
    const bo = await visit('Bo', { room: 'tunnel' })
    const ada = await visit('Ada', { room: 'tunnel', at: wire.url })
    await bo.say('Do you hear me?')
    await ada.sees('Do you hear me?')
    const said = ['Do you hear me?']
    for (const round of [1, 2, 3]) {
      wire.cut()
      await ada.isTold('Connection lost. Reconnecting…')
      for (const body of [`${round}: nobody`, `${round}: hears`, `${round}: me`]) {
        await bo.say(body)
        await bo.sees(body)
        said.push(body)
      }
      wire.mend()
      await ada.isTold('Back again.')
      await ada.sees(`${round}: me`)
      await bo.say(`${round}: there you are`)
      await ada.sees(`${round}: there you are`)
      said.push(`${round}: there you are`)
      assert.deepEqual(await ada.said(), said)
    }
    assert.deepEqual(await ada.marks(), Array(3).fill('3 messages while you were away'))
    assert.equal(await ada.page.locator('.note.missed + .said p').first().textContent(), '1: nobody')
    assert.deepEqual(await bo.marks(), [])
  })

  test('who was away for more than the log keeps is told that something may be missing, and sees the last messages', async (t) => {
    const wire = await stage.wire()
    t.after(() => wire.end())
    const ada = await visit('Ada', { room: 'cave', at: wire.url })
    await stage.publish('cave', ['before'])
    await ada.sees('before')
    wire.cut()
    await ada.isTold('Connection lost. Reconnecting…')
    const missed = Array.from({ length: 120 }, (_, n) => `said ${n}`)
    await stage.publish('cave', missed)
    wire.mend()
    await ada.isTold('Back again.')
    await ada.sees('said 119')
    assert.deepEqual(await ada.said(), ['before', ...missed.slice(-50)])
    assert.deepEqual(await ada.marks(), [MAY_BE_MISSING])
    assert.equal(await ada.behindMark(), 'said 70')
  })

  test('the page cuts its own connection for ten seconds, to show what comes of it', async () => {
    const [ada, bo] = [
      await visit('Ada', { room: 'hall', ownClock: true }),
      await visit('Bo', { room: 'hall' }),
    ]
    await ada.page.getByText('Try it out').click()
    await ada.page.getByRole('button', { name: 'Cut me off for 10 s' }).click()
    await ada.isTold('Connection lost. Reconnecting…')
    await bo.say('Only a word')
    await bo.sees('Only a word')
    assert.equal(await ada.count('Only a word'), 0)
    await ada.page.clock.fastForward(11_000)
    await ada.sees('Only a word')
    assert.deepEqual(await ada.marks(), ['A message while you were away'])
  })

  test('a restart of the server is told, survived, and loses nothing that was said meanwhile', async () => {
    const [ada, bo] = [await visit('Ada', { viewport: PHONE }), await visit('Bo')]
    await stage.stopServer()
    await ada.isTold('Connection lost. Reconnecting…')
    await bo.isTold('Connection lost. Reconnecting…')
    assert.equal((await ada.page.locator('#messages').boundingBox())?.width, PHONE.width)
    await ada.say('Said into the void')
    await stage.startServer()
    await ada.isTold('Back again.')
    await bo.isTold('Back again.')
    await bo.sees('Said into the void')
    await bo.person('Ada').waitFor()
    assert.equal(await bo.count('Said into the void'), 1)
    // The log was in the memory of the server.
    assert.deepEqual(await bo.marks(), [MAY_BE_MISSING])
    assert.equal(await bo.behindMark(), 'Said into the void')
  })

  test('an announcement over HTTP reaches all rooms through their group', async () => {
    const [ada, bo] = [await visit('Ada'), await visit('Bo', { room: 'garden' })]
    const response = await stage.announce('Tea is ready')
    assert.deepEqual([response.status, await response.json()], [202, { rooms: 2 }])
    await ada.sees('Tea is ready')
    await bo.sees('Tea is ready')
    await ada.announce('And cake')
    await bo.sees('And cake')
  })

  test('another room is another conversation', async () => {
    const [ada, bo] = [await visit('Ada'), await visit('Bo')]
    await ada.page.getByRole('link', { name: 'workshop' }).click()
    await bo.person('Ada').waitFor({ state: 'detached' })
    await ada.arrived()
    await ada.say('Nobody hears me')
    await ada.sees('Nobody hears me')
    await ada.page.getByRole('link', { name: 'lobby' }).click()
    await bo.person('Ada').waitFor()
    await ada.say('Now you do')
    await bo.sees('Now you do')
    assert.equal(await bo.count('Nobody hears me'), 0)
  })
})

/** Does as a browser does to a tab that goes to the background. */
async function hide(window: ChatWindow): Promise<void> {
  await window.page.evaluate(`
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => true })
    document.dispatchEvent(new Event('visibilitychange'))
    delete document.hidden
  `)
}
