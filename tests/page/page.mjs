// Drives a headless Chromium over its debugging pipe: looks at the page of several fleets in light,
// dark and narrow, keeps pictures, and asserts what no picture shows: nothing is asked of anybody
// else, nothing is complained of, no text runs out of its page, everything is reachable by Tab.
// Usage: page.mjs CHROMIUM PAGE_SERVER PICTURES_FOLDER
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const [browserPath, serverPath, pictures] = process.argv.slice(2);
const profile = mkdtempSync(join(tmpdir(), 'page-profile-'));
let failures = 0;
const expect = (holds, what) => {
  if (!holds) failures += 1;
  console.log(`${holds ? 'ok  ' : 'FAIL'}  ${what}`);
};

const browser = spawn(browserPath, ['--headless=new', '--no-sandbox', '--disable-gpu', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-proxy-server',
  '--hide-scrollbars', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1', '--remote-debugging-pipe',
  `--user-data-dir=${profile}`, 'about:blank'], { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
const answers = new Map();
const listeners = new Set();
let number = 0;
let rest = '';
browser.stdio[4].setEncoding('utf8');
browser.stdio[4].on('data', (data) => {
  const messages = (rest + data).split('\0');
  rest = messages.pop();
  for (const text of messages) {
    const message = JSON.parse(text);
    if (message.id) {
      const { resolve, reject } = answers.get(message.id);
      answers.delete(message.id);
      if (message.error) reject(new Error(message.error.message));
      else resolve(message.result);
    } else {
      for (const listener of listeners) listener(message);
    }
  }
});
const send = (method, params = {}, sessionId = undefined) => new Promise((resolve, reject) => {
  number += 1;
  answers.set(number, { resolve, reject });
  browser.stdio[3].write(`${JSON.stringify({ id: number, method, params, sessionId })}\0`);
});

const startServer = async (fleet) => {
  const server = spawn(serverPath, [fleet], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: server.stdout });
  const url = await new Promise((resolve) => lines.once('line', resolve));
  return { url, stop: () => server.stdin.end() };
};

const openPage = async () => {
  const { targetId } = await send('Target.createTarget', { url: 'about:blank' });
  const { sessionId } = await send('Target.attachToTarget', { targetId, flatten: true });
  const page = { requests: [], complaints: [] };
  const ask = (method, params) => send(method, params, sessionId);
  const waiting = new Map();
  listeners.add((message) => {
    if (message.sessionId !== sessionId) return;
    if (message.method === 'Network.requestWillBeSent') page.requests.push(message.params.request.url);
    if (message.method === 'Runtime.exceptionThrown') page.complaints.push(message.params.exceptionDetails.text);
    if (message.method === 'Runtime.consoleAPICalled') page.complaints.push(`console.${message.params.type}`);
    if (message.method === 'Log.entryAdded') page.complaints.push(message.params.entry.text);
    waiting.get(message.method)?.(message.params);
  });
  for (const domain of ['Network', 'Runtime', 'Log', 'Page']) await ask(`${domain}.enable`);
  page.look = (width, height, scheme) => Promise.all([
    ask('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: width < 500 }),
    ask('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: scheme }] })]);
  page.script = (enabled) => ask('Emulation.setScriptExecutionDisabled', { value: !enabled });
  page.go = async (url) => {
    const loaded = new Promise((resolve) => waiting.set('Page.loadEventFired', resolve));
    const started = Date.now();
    await ask('Page.navigate', { url });
    await loaded;
    return Date.now() - started;
  };
  page.evaluate = async (expression) =>
    (await ask('Runtime.evaluate', { expression, returnByValue: true, awaitPromise: true })).result.value;
  page.picture = async (name) => {
    const { cssContentSize } = await ask('Page.getLayoutMetrics');
    const clip = { x: 0, y: 0, width: cssContentSize.width, height: Math.min(cssContentSize.height, 2600), scale: 1 };
    const { data } = await ask('Page.captureScreenshot', { format: 'png', captureBeyondViewport: true, clip });
    writeFileSync(join(pictures, `${name}.png`), Buffer.from(data, 'base64'));
  };
  page.press = async (key, code) => {
    const event = { key, code: key, windowsVirtualKeyCode: code, nativeVirtualKeyCode: code };
    if (key === 'Enter') event.text = '\r';
    await ask('Input.dispatchKeyEvent', { type: event.text ? 'keyDown' : 'rawKeyDown', ...event });
    await ask('Input.dispatchKeyEvent', { type: 'keyUp', ...event });
  };
  page.close = () => send('Target.closeTarget', { targetId });
  return page;
};

const looks = [['light', 1280, 900, 'light'], ['dark', 1280, 900, 'dark'], ['narrow', 360, 740, 'light'],
  ['narrow-dark', 360, 740, 'dark'], ['wall', 2560, 1440, 'light']];
// Text that is too faint for its ground, by the formula of WCAG 2.
const faint = `(() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0) return c; } return [255, 255, 255]; };
  const bad = [];
  for (const e of document.querySelectorAll('main *, header *, footer *')) {
    if (e.closest('svg') || ![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) || !e.getClientRects().length) continue;
    const a = light(parse(getComputedStyle(e).color)), b = light(ground(e));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) bad.push(e.tagName + '.' + e.className + ' ' + ratio.toFixed(2) + ' ' + e.textContent.trim().slice(0, 30));
  }
  return bad;
})()`;

const check = async (page, name, url) => {
  const strangers = page.requests.filter((request) => new URL(request).origin !== new URL(url).origin);
  expect(strangers.length === 0, `${name}: asks nobody else ${strangers.join(' ')}`);
  expect(page.complaints.length === 0, `${name}: nothing is complained of ${page.complaints.join('; ')}`);
  expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), `${name}: nothing runs out of the page`);
};

try {
  for (const fleet of ['calm', 'troubled', 'large', 'cold', 'huge', 'hostile']) {
    const server = await startServer(fleet);
    const page = await openPage();
    const paths = [['', '']];
    if (fleet === 'troubled') paths.push(['-service', '?service=fleet-us-001'], ['-drifted', '?service=fleet-asia-002'], ['-missing', '?service=nobody']);
    if (fleet === 'large') paths.push(['-failed', '?state=failed'], ['-page-2', '?page=2'], ['-text', '?q=lab']);
    for (const [suffix, path] of paths) {
      for (const [look, width, height, scheme] of looks) {
        if (suffix && look === 'wall') continue;
        if ((fleet === 'huge' || fleet === 'cold') && look !== 'light') continue;
        await page.look(width, height, scheme);
        const took = await page.go(server.url + path);
        const name = `${fleet}${suffix}-${look}`;
        await page.picture(name);
        if (suffix === '-missing') page.complaints = page.complaints.filter((text) => !text.includes('404'));
        await check(page, name, server.url);
        const pale = await page.evaluate(faint);
        expect(pale.length === 0, `${name}: all text is legible ${pale.slice(0, 5).join(' | ')}`);
        if (fleet === 'huge') {
          const size = await page.evaluate('document.documentElement.outerHTML.length');
          console.log(`      ten thousand services: ${size} bytes, ${took} ms`);
          expect(size < 400000, `${name}: the page is bounded`);
        }
      }
    }
    if (fleet === 'hostile') {
      expect((await page.evaluate('typeof pwned')) === 'undefined', 'hostile: no script of theirs is known');
      expect((await page.evaluate('document.querySelectorAll("img").length')) === 0, 'hostile: no element of theirs');
      expect((await page.evaluate('document.scripts.length')) === 1, 'hostile: one script, ours');
    }
    if (fleet === 'troubled') {
      await page.look(1280, 900, 'light');
      await page.go(server.url);
      const names = [];
      for (let i = 0; i < 120; i += 1) {
        await page.press('Tab', 9);
        const at = await page.evaluate(`(() => { const e = document.activeElement; if (!e || e === document.body) return null;
          const s = getComputedStyle(e); return [e.tagName, e.textContent.trim().slice(0, 40), s.outlineStyle !== 'none']; })()`);
        if (!at) break;
        names.push(at);
      }
      const reachable = await page.evaluate(`document.querySelectorAll('a[href],input,select,button,summary').length`);
      const hidden = await page.evaluate(`document.querySelectorAll('details:not([open]) a[href]').length`);
      expect(names.length === reachable - hidden, `keyboard: Tab reaches ${names.length} of ${reachable - hidden}`);
      expect(names.every(([, , outlined]) => outlined), 'keyboard: what has the focus shows it');
      expect(names[0]?.[1] === 'Skip to content', 'keyboard: the first stop leads past the head');
      await page.evaluate(`document.querySelector('.name a').focus()`);
      const arrived = new Promise((resolve) => listeners.add((m) => { if (m.method === 'Page.loadEventFired') resolve(); }));
      await page.press('Enter', 13);
      await arrived;
      expect((await page.evaluate('location.search')).startsWith('?service='), 'keyboard: Enter opens a service');
      const refresh = await page.evaluate(`fetch(location.href).then((r) => r.status)`);
      expect(refresh === 200, 'the script may ask its own server');
      await page.script(false);
      await page.go(server.url);
      await page.picture('troubled-no-script');
      expect((await page.evaluate('document.querySelectorAll("tbody tr").length')) > 5, 'without scripts everything is there');
    }
    await page.close();
    server.stop();
  }
} catch (error) {
  expect(false, String(error.stack));
} finally {
  const gone = new Promise((resolve) => browser.once('exit', resolve));
  send('Browser.close').catch(() => {});
  await gone;
  // Its helpers may still be writing: a folder that stays is no failure of the page.
  try {
    rmSync(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  } catch { /* below the folder for temporary files */ }
}
console.log(failures === 0 ? 'The page is well.' : `${failures} failed`);
process.exit(failures === 0 ? 0 : 1);
