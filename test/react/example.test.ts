import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import type { Browser } from 'playwright-core'
import { extractSamples, importSample } from '../docs/samples.ts'
import { launchChromium } from '../support/chromium.ts'
import { need } from '../support/need.ts'
import { bundlePage, reacts } from './bundle.ts'

// The program of docs/react.md, its server and its page, as they stand there.

describe('the board of docs/react.md', { ...need('chromium'), timeout: 120_000 }, () => {
  let app: FastifyInstance
  let browser: Browser
  let origin = ''

  before(async () => {
    const { folder } = extractSamples('react')
    app = ((await importSample(folder, 'server.ts')) as { app: FastifyInstance }).app
    for (const react of Object.values(reacts)) {
      const script = await bundlePage(join(folder, 'main.tsx'), react)
      app.get(`/${react}`, (_request, reply) => reply.type('text/html').send(pageOf(react)))
      app.get(`/${react}.js`, (_request, reply) => reply.type('text/javascript').send(script))
    }
    await app.listen({ port: 0, host: '127.0.0.1' })
    origin = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
    browser = await launchChromium()
  })
  after(async () => {
    await browser?.close()
    await app?.close()
  })

  for (const [version, react] of Object.entries(reacts))
    test(`R13 a note is seen by both pages of ${version}, and by one that comes later`, async () => {
      const [one, other] = [await browser.newPage(), await browser.newPage()]
      for (const page of [one, other]) {
        await page.goto(`${origin}/${react}`)
        await page.getByRole('status').getByText('joined').waitFor()
      }
      await one.getByText('here: ada').waitFor()
      const note = `Tea is ready for ${version}`
      await one.getByLabel('Note').fill(note)
      await one.getByLabel('Note').press('Enter')
      for (const page of [one, other]) await page.getByText(`ada: ${note}`).waitFor()
      const later = await browser.newPage()
      await later.goto(`${origin}/${react}`)
      await later.getByText(`ada: ${note}`).waitFor()
      assert.equal(await later.getByText(note).count(), 1)
    })
})

function pageOf(react: string): string {
  return `<!doctype html><div id="root"></div><script src="/${react}.js"></script>`
}
