// Every case of the table that Python and JavaScript share, decided by the scanner's rules.
import { readFileSync } from "node:fs";

const { app, question } = JSON.parse(readFileSync(0, "utf8"));
const { after, decide, inOrder } = await import(`${app}/rules.js`);

const NOTHING = { entries: 0, inside: false, admitted_at: null, admitted_gate_id: null, passed_at: null };

function folded({ entries_allowed, re_entry, passages }) {
  let facts = { ...NOTHING, entries_allowed, re_entry };
  const conflicts = {};
  let lastAdmission = null;
  for (const passage of inOrder(passages)) {
    const [next, effect] = after(facts, passage);
    facts = next;
    if (effect === "admitted") lastAdmission = passage.id;
    else if (effect === "conflict" && lastAdmission) conflicts[passage.id] = lastAdmission;
  }
  return { facts: Object.fromEntries(Object.keys(NOTHING).map((name) => [name, facts[name]])), conflicts };
}

const verdicts = question.cases.map(({ ticket, passage }) => {
  const { outcome, reason } = decide(ticket, passage);
  return { outcome, reason };
});
console.log(JSON.stringify({ verdicts, folds: question.folds.map(folded) }));
