import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import type { Browser } from 'playwright-core'
import { extractSamples, importSample } from '../docs/samples.ts'
import { launchChromium } from '../support/chromium.ts'
import { need } from '../support/need.ts'
import { bundlePage } from './bundle.ts'

// The program of docs/react.md, its server and its page, as they stand there.

describe('the board of docs/react.md', { ...need('chromium'), timeout: 120_000 }, () => {
  let app: FastifyInstance
  let browser: Browser
  let origin = ''

  before(async () => {
    const { folder } = extractSamples('react')
    const script = await bundlePage(join(folder, 'main.tsx'))
    app = ((await importSample(folder, 'server.ts')) as { app: FastifyInstance }).app
    app.get('/', (_request, reply) =>
      reply.type('text/html').send('<!doctype html><div id="root"></div><script src="/page.js"></script>'),
    )
    app.get('/page.js', (_request, reply) => reply.type('text/javascript').send(script))
    await app.listen({ port: 0, host: '127.0.0.1' })
    origin = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
    browser = await launchChromium()
  })
  after(async () => {
    await browser?.close()
    await app?.close()
  })

  test('R13 a note is seen by both pages, and by one that comes later', async () => {
    const [one, other] = [await browser.newPage(), await browser.newPage()]
    for (const page of [one, other]) {
      await page.goto(origin)
      await page.getByRole('status').getByText('joined').waitFor()
    }
    await one.getByText('here: ada').waitFor()
    await one.getByLabel('Note').fill('Tea is ready')
    await one.getByLabel('Note').press('Enter')
    for (const page of [one, other]) await page.getByText('ada: Tea is ready').waitFor()
    const later = await browser.newPage()
    await later.goto(origin)
    await later.getByText('ada: Tea is ready').waitFor()
    assert.equal(await later.getByRole('listitem').count(), 1)
  })
})
