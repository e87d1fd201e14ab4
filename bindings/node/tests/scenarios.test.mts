// Plays the scenarios of docs/scenarios, as every other language does.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { World } from './scenarios/world.mjs';
import { folder } from './support.mjs';

const root = fileURLToPath(new URL('../../../..', import.meta.url)).replace(/\/$/, '');
// Other ones, when languages are held against each other.
const given = process.env.STRONGROOM_SCENARIOS;
const from = given ?? `${root}/docs/scenarios`;
const scenarios = readdirSync(from)
  .filter((name) => name.endsWith('.json'))
  .sort();
assert.ok(scenarios.length >= (given ? 1 : 15));

for (const name of scenarios) {
  test(`scenario ${name}`, async (context) => {
    const world = new World(root, from, folder(context));
    const { steps } = JSON.parse(readFileSync(`${from}/${name}`, 'utf8'));
    for (const [number, step] of steps.entries()) {
      try {
        await world.play(step);
      } catch (error) {
        throw new Error(`step ${number + 1}: ${JSON.stringify(step).slice(0, 400)}: ${error}`, {
          cause: error,
        });
      }
    }
    await world.close();
  });
}
