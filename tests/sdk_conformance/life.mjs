// A service's whole life against the ARM simulator, by Azure's own SDK: what real clients can do
// with ARM they must be able to do here. Arguments: the simulator's first line, an api-version.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClientSecretCredential } from '@azure/identity';
import { IotDpsClient } from '@azure/arm-deviceprovisioningservices';

const simulator = JSON.parse(process.argv[2]);
const apiVersion = process.argv[3];
const flatCertificates = apiVersion < '2022-02-05';
const subscription = simulator.subscriptions[0];
const group = `life-${apiVersion}`;
const service = `life-of-${apiVersion.replaceAll('-', '')}`;
const hub = `hub-${apiVersion}`;

function step(text) {
  console.log(`${apiVersion}: ${text}`);
}

const credential = new ClientSecretCredential(
    simulator.tenant, simulator.client_id, simulator.client_secret,
    { authorityHost: simulator.arm_tls, disableInstanceDiscovery: true });

const client = new IotDpsClient(credential, subscription, { endpoint: simulator.arm_tls, apiVersion });
if (flatCertificates) {
  // The SDK knows only the newer body of a certificate; the older one had its members on top.
  client.pipeline.addPolicy({
    name: 'flatCertificateBody',
    sendRequest(request, next) {
      if (request.method === 'PUT' && request.url.includes('/certificates/'))
        request.body = JSON.stringify(JSON.parse(request.body).properties);
      return next(request);
    },
  });
}
const dps = client.iotDpsResource;
const certificates = client.dpsCertificate;
const quick = { updateIntervalInMs: 20 };

/// Requests that the SDK for DPS has no call for.
async function arm(method, path, body) {
  const { token } = await credential.getToken(`${simulator.arm_tls}/.default`);
  const answer = await fetch(`${simulator.arm_tls}${path}?api-version=2023-06-30`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  assert.ok(answer.ok, `${method} ${path}: ${answer.status}`);
  const text = await answer.text();
  return text === '' ? undefined : JSON.parse(text);
}

async function all(pages) {
  const list = [];
  for await (const entry of pages) list.push(entry);
  return list;
}

const keys = async () => all(dps.listKeys(service, group));
const put = async (description) =>
    dps.beginCreateOrUpdateAndWait(group, service, description, quick);
const get = async () => dps.get(service, group);

step('name check');
assert.equal((await dps.checkProvisioningServiceNameAvailability({ name: service })).nameAvailable, true);

step('create');
const base = `/subscriptions/${subscription}/resourceGroups/${group}`;
await arm('PUT', base, { location: 'westeurope' });
const started = await dps.beginCreateOrUpdate(
    group, service, { location: 'westeurope', sku: { name: 'S1', capacity: 1 }, properties: {} }, quick);
const created = await started.pollUntilDone();
assert.equal(created.name, service);
let live = await get();
assert.equal(live.properties.state, 'Active');
assert.equal(live.properties.allocationPolicy, 'Hashed');
assert.match(live.properties.idScope, /^0ne/);
assert.equal(live.sku.tier, 'Standard');
assert.equal((await dps.checkProvisioningServiceNameAvailability({ name: service })).nameAvailable, false);

step('lists');
assert.ok((await all(dps.listBySubscription())).some((entry) => entry.name === service));
assert.deepEqual((await all(dps.listByResourceGroup(group))).map((entry) => entry.name), [service]);
assert.deepEqual((await all(dps.listValidSkus(service, group))).map((entry) => entry.name), ['S1']);

step('tags by PATCH');
const patched = await dps.beginUpdateAndWait(group, service, { tags: { env: 'prod', team: 'iot' } }, quick);
assert.deepEqual(patched.tags, { env: 'prod', team: 'iot' });
await dps.beginUpdateAndWait(group, service, { tags: { env: 'test' } }, quick);
assert.deepEqual((await get()).tags, { env: 'test' });

step('policies');
let before = await keys();
assert.deepEqual(before.map((policy) => policy.keyName), ['provisioningserviceowner']);
live = await get();
live.properties.authorizationPolicies = [...before, { keyName: 'writer', rights: 'EnrollmentWrite' }];
await put(live);
before = await keys();
assert.equal(before.length, 2);
const writer = await dps.listKeysForKeyName(service, 'writer', group);
assert.equal(writer.rights, 'EnrollmentWrite');
live = await get();
assert.equal(live.properties.authorizationPolicies, undefined);
live.properties.authorizationPolicies = [before[0], { ...before[1], secondaryKey: undefined }];
await put(live);
const after = await keys();
assert.equal(after[0].primaryKey, before[0].primaryKey, 'a key that is sent back is kept');
assert.equal(after[1].primaryKey, before[1].primaryKey);
assert.notEqual(after[1].secondaryKey, before[1].secondaryKey, 'a missing key is made anew');

step('linked hub');
await arm('PUT', `${base}/providers/Microsoft.Devices/IotHubs/${hub}`,
          { location: 'westeurope', sku: { name: 'S1', capacity: 1 }, properties: {} });
for (;;) {
  const state = (await arm('GET', `${base}/providers/Microsoft.Devices/IotHubs/${hub}`)).properties.state;
  if (state === 'Active') break;
  await new Promise((wake) => setTimeout(wake, 20));
}
const hubKey = await arm('POST', `${base}/providers/Microsoft.Devices/IotHubs/${hub}/IotHubKeys/iothubowner/listkeys`);
const connection = (key) =>
    `HostName=${hub}.azure-devices.net;SharedAccessKeyName=iothubowner;SharedAccessKey=${key}`;
live = await get();
live.properties.iotHubs = [{ connectionString: connection(hubKey.primaryKey), location: 'westeurope', allocationWeight: 1 }];
await put(live);
live = await get();
assert.equal(live.properties.iotHubs[0].connectionString, connection('****'));
assert.equal(live.properties.iotHubs[0].name, `${hub}.azure-devices.net`);
assert.equal((await keys()).length, 2, 'policies that are not sent are kept');

step('masked string sent back');
live.properties.iotHubs[0].allocationWeight = 7;
await put(live);
assert.equal((await get()).properties.iotHubs[0].allocationWeight, 7);
const state = await (await fetch(`${simulator.admin}/state`)).json();
const stored = state.provisioning_services.find((entry) => entry.name === service);
assert.equal(stored.properties.iotHubs[0].connectionString, connection(hubKey.primaryKey));

step('certificates');
const folder = mkdtempSync(join(tmpdir(), 'life-'));
try {
  const openssl = (...words) => execFileSync('openssl', words, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'ca.key',
          '-out', 'ca.pem', '-days', '30', '-subj', '/CN=Life CA');
  const content = readFileSync(join(folder, 'ca.pem'));
  // The SDK's type is bytes, which it sends in base64: base64 of the PEM file.
  const uploaded = await certificates.createOrUpdate(group, service, 'life-ca', { properties: { certificate: content } });
  assert.equal(uploaded.properties.subject, 'Life CA');
  assert.equal(uploaded.properties.isVerified, false);
  assert.match(uploaded.properties.thumbprint, /^[0-9A-F]{40}$/);
  const code = await certificates.generateVerificationCode('life-ca', uploaded.etag, group, service);
  assert.match(code.properties.verificationCode, /^[0-9A-F]{48}$/);
  openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'leaf.key',
          '-out', 'leaf.csr', '-subj', `/CN=${code.properties.verificationCode}`);
  openssl('x509', '-req', '-in', 'leaf.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial',
          '-out', 'leaf.pem', '-days', '1');
  const leaf = readFileSync(join(folder, 'leaf.pem'), 'utf8');
  await assert.rejects(
      certificates.verifyCertificate('life-ca', uploaded.etag, group, service, { certificate: leaf }),
      (error) => error.statusCode === 412, 'the etag of an earlier step');
  const verified = await certificates.verifyCertificate('life-ca', code.etag, group, service, { certificate: leaf });
  assert.equal(verified.properties.isVerified, true);
  const listed = await certificates.list(group, service);
  assert.deepEqual(listed.value.map((entry) => [entry.name, entry.properties.isVerified]), [['life-ca', true]]);
  await certificates.delete(group, verified.etag, service, 'life-ca');
  await assert.rejects(certificates.get('life-ca', group, service), (error) => error.statusCode === 404);
} finally {
  rmSync(folder, { recursive: true });
}

step('delete');
await dps.beginDeleteAndWait(service, group, quick);
await assert.rejects(get(), (error) => error.statusCode === 404);
assert.deepEqual(await all(dps.listByResourceGroup(group)), []);
step('done');
