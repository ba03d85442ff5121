import { createClient } from './client.js'

const IDLE_AFTER_MS = 60_000
const TYPING_FADES_AFTER_MS = 4_000
const CUT_FOR_MS = 10_000
const MESSAGES_SHOWN = 200
const ROOMS = ['lobby', 'garden', 'workshop']

const $ = (id) => document.getElementById(id)

// My name, and the room of the address

const me = await askName()
const roomInAddress = () => decodeURIComponent(location.hash.slice(1)) || ROOMS[0]

async function askName() {
  const known = localStorage.getItem('name')
  if (known) return known
  $('welcome').showModal()
  await new Promise((entered) => $('welcome').addEventListener('submit', entered, { once: true }))
  const name = $('name').value.trim()
  localStorage.setItem('name', name)
  return name
}

// The connection: one client, one channel for the room that is open

/** Where there are several nodes: the origins of all, the one that we speak to, and the one that has us. */
let nodes = []
let node = location.origin
let home = ''
let cutUntil = 0
let wire

/** A WebSocket to the node of the moment. */
class Wire extends WebSocket {
  constructor(url, protocols) {
    super(url.replace(location.host, hostOf(node)), protocols)
    wire = this
  }
}

/** @type {import('fastify-beryl/client').Client<import('../contract.ts').App>} */
const client = createClient('/socket', {
  authToken: freshToken,
  transport: Wire,
  timeoutMs: 30_000,
  rejoinAfterMs: () => 1_000,
})
client.onState((state) => state === 'offline' && show('reconnecting'))

/** Asked for before every connect, and for a renewal. A node that gives none is gone: the next one is asked. */
async function freshToken() {
  if (performance.now() < cutUntil) throw new Error('cut off')
  try {
    return await (await postTo('/token', { name: me })).text()
  } catch (error) {
    if (nodes.length > 0) node = nodes[(nodes.indexOf(node) + 1) % nodes.length]
    throw error
  }
}

const postTo = (path, body) =>
  fetch(`${node}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })

/** The people who are typing, each with the timer that makes it fade. */
const typers = new Map()
let isAtEnd = true
let calmTimer
let status = 'online'
let typingUntil = 0
let channel = enter(roomInAddress())

function enter(room) {
  // The status is that of the moment, at each join.
  const payload = {
    get status() {
      return status
    },
  }
  const joining = client.channel(`room:${room}`, payload)
  /** The first that we hear of presence is who was there before us. */
  let isSyncing = true
  let isFirst = true
  let missed = 0
  let before = 'joining'
  joining.presence.onChange(({ joins, leaves }) => {
    drawPeople(joining.presence.list())
    if (!isSyncing) for (const { key } of joins) drawComing(key, 'came in')
    for (const { key } of leaves) goodbye(key)
    isSyncing = false
  })
  joining.on('said', (message) => {
    if (missed > 0) drawMissed(missed)
    missed = 0
    drawMessage(message)
  })
  joining.on('typing', ({ from, on }) => markTyping(from, on))
  joining.on('announced', ({ body }) => drawNote(body, 'announcement'))
  joining.onState((state, detail) => {
    if (state === 'joined') {
      if (!isFirst && !detail.recovered) drawNote('Messages may be missing here', 'gap')
      isFirst = false
      missed = detail.missed
      entered(detail.reply)
    } else if (detail.error) refused(detail.error)
    else if (state === 'joining' && before === 'joined') show('rejoining')
    before = state
  })
  joining.join()
  drawRoom(room)
  return joining
}

/** Runs after each join: the first, and those after the connection or the channel was lost. What was missed follows. */
function entered({ recent, nodes: all }) {
  nodes = all
  for (const message of recent) drawMessage(message)
  const hasMoved = home !== '' && home !== node
  home = node
  drawNode()
  // Whoever types while the connection is away is seen to type when it is back.
  typingUntil = 0
  beTyping($('body').value !== '')
  const isBack = ['reconnecting', 'rejoining', 'unavailable', 'back'].includes(document.body.dataset.state)
  show(hasMoved ? 'moved' : isBack ? 'back' : 'online')
}

function refused({ reason }) {
  if (reason === 'history_unavailable') return show('unavailable')
  show('online')
  drawNote(`You cannot join: ${reason}.`, 'trouble')
}

function say(body) {
  channel.push('say', { body }).catch(({ reason }) => drawNote(`Not sent (${reason}): ${body}`, 'trouble'))
}

function goodbye(name) {
  markTyping(name, false)
  drawComing(name, 'left')
}

addEventListener('hashchange', () => {
  channel.leave()
  channel = enter(roomInAddress())
})

// My presence: here, and typing

let idleTimer

function beActive() {
  setStatus('online')
  clearTimeout(idleTimer)
  idleTimer = setTimeout(() => setStatus('idle'), IDLE_AFTER_MS)
}

function setStatus(now) {
  if (now === status) return
  status = now
  // A channel that is not joined says it with its next join.
  if (channel.state === 'joined') channel.push('status', { status })
}

/** Says so at most every half fading time, as long as keys are pressed. */
function beTyping(on) {
  if (channel.state !== 'joined' || (on && performance.now() < typingUntil)) return
  if (!on && typingUntil === 0) return
  typingUntil = on ? performance.now() + TYPING_FADES_AFTER_MS / 2 : 0
  channel.push('typing', { on })
}

for (const event of ['pointerdown', 'keydown', 'focus']) addEventListener(event, beActive)
document.addEventListener('visibilitychange', () => (document.hidden ? setStatus('idle') : beActive()))
beActive()

// Forms

onSubmit('composer', 'body', (body) => {
  typingUntil = 0
  say(body)
})
onSubmit('other-room', 'other-room-name', (room) => {
  location.hash = room
})
onSubmit('announce', 'announcement', (body) =>
  postTo('/announce', { body }).catch(() => drawNote(`Not announced: ${body}`, 'trouble')),
)
$('body').addEventListener('input', ({ target }) => beTyping(target.value !== ''))
$('crash').addEventListener('click', () => channel.push('crash'))
$('cut').addEventListener('click', () => {
  cutUntil = performance.now() + CUT_FOR_MS
  setTimeout(() => dispatchEvent(new Event('online')), CUT_FOR_MS)
  wire.close()
})

function onSubmit(form, field, act) {
  $(form).addEventListener('submit', (event) => {
    event.preventDefault()
    const value = $(field).value.trim()
    $(field).value = ''
    if (value !== '') act(value)
  })
}

// Drawing

function show(state) {
  const sayings = {
    reconnecting: 'Connection lost. Reconnecting…',
    rejoining: 'The channel crashed. Joining again…',
    unavailable: 'The log of this room is out of reach. Joining again…',
    back: 'Back again.',
    moved: `That node is gone: moved to ${hostOf(node)}.`,
  }
  document.body.dataset.state = state
  $('state').textContent = sayings[state] ?? ''
  clearTimeout(calmTimer)
  if (['back', 'moved'].includes(state)) calmTimer = setTimeout(() => show('online'), 3_000)
}

function drawNode() {
  $('node').textContent = nodes.length === 0 ? '' : `served by ${hostOf(node)}`
}

const hostOf = (origin) => origin.replace(/^.*\/\//, '')

function drawRoom(room) {
  $('room').textContent = room
  $('messages').replaceChildren()
  isAtEnd = true
  $('people').replaceChildren()
  for (const name of typers.keys()) markTyping(name, false)
  $('rooms').replaceChildren(...[...new Set([...ROOMS, room])].map((name) => roomLink(name, name === room)))
  $('side').matches(':popover-open') && $('side').hidePopover()
  document.title = `${room} · Beryl chat`
}

function roomLink(name, isOpen) {
  const link = element('a', '', name)
  link.href = `#${encodeURIComponent(name)}`
  if (isOpen) link.ariaCurrent = 'page'
  return element('li', '', link)
}

function drawPeople(people) {
  $('people').replaceChildren(...people.map(person))
  $('who').textContent = people.length
}

function person({ key: name, metas }) {
  const isIdle = metas.every((meta) => meta.status === 'idle')
  const row = element('li', isIdle ? 'person idle' : 'person', avatar(name), element('b', '', name))
  if (name === me) row.append(element('small', '', 'you'))
  if (isIdle) row.append(element('small', '', 'idle'))
  if (metas.length > 1) row.append(element('small', 'tabs', `${metas.length} tabs`))
  return row
}

/** A join that is told the last messages may give some that are shown already, or older than those. */
function drawMessage({ id, from, body, at }) {
  if ($(`said-${id}`)) return
  markTyping(from, false)
  const time = element(
    'time',
    '',
    new Date(at).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' }),
  )
  const kind = from === me ? 'said mine' : 'said'
  const row = element('li', kind, avatar(from), element('b', '', from), time, element('p', '', body))
  row.id = `said-${id}`
  row.dataset.from = from
  row.dataset.at = at
  const later = [...$('messages').querySelectorAll('.said')].find((other) => other.dataset.at > at)
  append(row, later)
  for (const drawn of [row, later])
    drawn?.classList.toggle('more', drawn.previousElementSibling?.dataset.from === drawn.dataset.from)
}

/** Draws the mark above the first message that we missed, which says how many there are. */
function drawMissed(count) {
  drawNote(`${count === 1 ? 'A message' : `${count} messages`} while you were away`, 'missed')
}

function drawNote(text, kind) {
  append(element('li', `note ${kind}`, text))
}

/** Not while everybody comes back after trouble of the connection. */
function drawComing(name, what) {
  if (document.body.dataset.state === 'online' && name !== me) drawNote(`${name} ${what}`, 'coming')
}

function append(row, before = null) {
  const list = $('messages')
  isAtEnd ||= row.classList.contains('mine')
  list.insertBefore(row, before)
  while (list.childElementCount > MESSAGES_SHOWN) list.firstElementChild.remove()
  stayAtEnd()
}

/** A reader of the last messages goes on to see them when more come, or when a phone's keyboard takes their place. */
function stayAtEnd() {
  if (isAtEnd) $('messages').scrollTop = $('messages').scrollHeight
}

$('messages').addEventListener('scroll', ({ target }) => {
  isAtEnd = target.scrollHeight - target.scrollTop - target.clientHeight < 80
})
new ResizeObserver(stayAtEnd).observe($('messages'))

function markTyping(name, on) {
  clearTimeout(typers.get(name))
  typers.delete(name)
  if (on)
    typers.set(
      name,
      setTimeout(() => markTyping(name, false), TYPING_FADES_AFTER_MS),
    )
  $('typing').textContent = typingLine([...typers.keys()])
}

function typingLine(names) {
  if (names.length === 0) return ''
  if (names.length > 2) return `${names.length} people are typing…`
  return `${names.join(' and ')} ${names.length === 1 ? 'is' : 'are'} typing…`
}

function avatar(name) {
  const sum = [...name].reduce((before, letter) => (before * 31 + letter.codePointAt(0)) % 9973, 0)
  const gem = element('i', 'avatar', [...name][0].toUpperCase())
  gem.style.setProperty('--hue', (sum * 137.5) % 360)
  gem.ariaHidden = 'true'
  return gem
}

function element(tag, className, ...children) {
  const created = document.createElement(tag)
  created.className = className
  created.append(...children)
  return created
}
