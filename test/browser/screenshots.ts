// Takes the pictures of the documentation: `npx tsx test/browser/screenshots.ts [folder]`, by default docs/images.
import { ChatStage, type ChatWindow } from './chat-stage.ts'
import { startCluster } from './cluster-script.ts'

const PHONE = { width: 390, height: 844 }
const DESKTOP = { width: 1280, height: 800 }
const [folder = 'docs/images'] = process.argv.slice(2)

const stage = await ChatStage.open()
const shoot = async ({ page }: ChatWindow, name: string): Promise<void> => {
  await page.mouse.move(200, 400)
  await page.screenshot({ path: `${folder}/${name}.png` })
}

const ada = await stage.visit('Ada', { viewport: DESKTOP, colorScheme: 'light' })
const bo = await stage.visit('Bo', { viewport: PHONE, colorScheme: 'light' })
const cleo = await stage.visit('Cleo', { viewport: DESKTOP, colorScheme: 'dark', ownClock: true })
await stage.anotherTab(bo)
await converse()
await shoot(cleo, 'chat-dark')
await cleo.page.clock.fastForward(61_000)
await ada.person('Cleo').getByText('idle').waitFor()
await bo.page.getByLabel('Message', { exact: true }).pressSequentially('On my')
await ada.page.getByText('Bo is typing…').waitFor()
await shoot(ada, 'chat-desktop')
await shoot(bo, 'chat-phone')
await bo.page.getByRole('button', { name: 'Rooms and people' }).click()
await shoot(bo, 'chat-phone-people')
await bo.page.keyboard.press('Escape')
await stage.stopServer()
await bo.page.getByLabel('Message', { exact: true }).click()
for (const window of [ada, bo]) await window.isTold('Connection lost. Reconnecting…')
await shoot(bo, 'chat-reconnecting')
await stage.startServer()
await cutOff()
await killNode()
await stage.close()

/** The page of somebody who was in a tunnel. */
async function cutOff(): Promise<void> {
  const wire = await stage.wire()
  const seen = { viewport: { width: 900, height: 560 }, colorScheme: 'light', room: 'train' } as const
  const bo = await stage.visit('Bo', seen)
  const ada = await stage.visit('Ada', { ...seen, at: wire.url })
  await bo.say('Still there?')
  await ada.sees('Still there?')
  await ada.say('For two minutes more. Then comes the tunnel.')
  await bo.sees('For two minutes more. Then comes the tunnel.')
  wire.cut()
  await ada.isTold('Connection lost. Reconnecting…')
  for (const body of ['So, what I wanted to say', 'We take the blue one.', 'And Cleo brings the cake.']) {
    await bo.say(body)
    await bo.sees(body)
  }
  wire.mend()
  await ada.sees('And Cleo brings the cake.')
  await ada.say('Blue, then. And cake!')
  await bo.sees('Blue, then. And cake!')
  await shoot(ada, 'chat-missed')
  await wire.end()
}

/** The page of somebody whose node has just died. */
async function killNode(): Promise<void> {
  const cluster = await startCluster({ PORT: '4001' })
  const [one, two] = cluster.nodes
  const seen = { viewport: { width: 900, height: 480 }, colorScheme: 'light' } as const
  const bo = await stage.visit('Bo', { at: two.address, ...seen })
  const ada = await stage.visit('Ada', { at: one.address, ...seen })
  await ada.person('Bo').waitFor()
  await bo.say('Ready? I pull the plug of your node.')
  await ada.sees('Ready? I pull the plug of your node.')
  await ada.say('Go on.')
  await bo.sees('Go on.')
  process.kill(one.pid, 'SIGKILL')
  await ada.isTold('moved to')
  await bo.say('Done. Did you notice?')
  await ada.sees('Done. Did you notice?')
  await shoot(ada, 'cluster-moved')
  await cluster.end('SIGTERM')
}

async function converse(): Promise<void> {
  for (const [window, body] of [
    [ada, 'Morning! Did the node that we pulled out of the rack come back?'],
    [bo, 'It did. 40 seconds, and everybody who was on it had moved to the other two by then.'],
    [bo, 'Nobody noticed, apart from the graph.'],
    [cleo, 'I did: my page said that it was reconnecting, and before I had read it, that it was back.'],
    [ada, 'Lovely.'],
  ] as const) {
    await window.say(body)
    for (const other of [ada, bo, cleo]) await other.sees(body)
  }
  await stage.announce('Maintenance tonight at ten, one node at a time')
  for (const window of [ada, bo, cleo]) await window.sees('Maintenance tonight at ten, one node at a time')
  await cleo.say('Then I will watch the graph, too')
  for (const window of [ada, bo]) await window.sees('Then I will watch the graph, too')
}
