/** Moto's answers about instances, changed to what EC2 would say by now. */
import { type Fleet, STATE_CODES, type State } from "./fleet.ts";
import { filterValues, type Query } from "./query.ts";
import { childrenNamed, childText, type Element, elementsNamed, parseXml, printXml } from "./xml.ts";

/** DescribeInstances: hides what is not visible yet, and shows states that are still under way. */
export function patchInstances(xml: string, query: Query, fleet: Fleet): string {
  const document = parseXml(xml);
  const states = filterValues(query.params, "instance-state-name");
  for (const set of elementsNamed(document, "instancesSet")) {
    for (const item of childrenNamed(set, "item")) {
      const id = childText(item, "instanceId");
      const state = fleet.shown(id);
      if (state !== undefined) setState(item, state);
      const shown = state ?? stateOf(item);
      if (fleet.lookedFor(id) || (states !== undefined && !states.includes(shown))) set.removeChild(item);
    }
    if (childrenNamed(set, "item").length === 0) set.parentNode?.parentNode?.removeChild(set.parentNode);
  }
  return printXml(document);
}

/** DescribeInstanceStatus: only what runs, unless all were asked for; the checks take their time. */
export function patchStatuses(xml: string, query: Query, fleet: Fleet): string {
  const document = parseXml(xml);
  const all = query.params.get("IncludeAllInstances") === "true";
  for (const set of elementsNamed(document, "instanceStatusSet")) {
    for (const item of childrenNamed(set, "item")) {
      const id = childText(item, "instanceId");
      const state = fleet.shown(id);
      if (state !== undefined) setState(item, state);
      if (fleet.isHidden(id) || (!all && (state ?? "running") !== "running")) {
        set.removeChild(item);
        continue;
      }
      if (!fleet.checksRun(id)) continue;
      for (const check of [...childrenNamed(item, "instanceStatus"), ...childrenNamed(item, "systemStatus")]) {
        for (const status of childrenNamed(check, "status")) status.textContent = "initializing";
      }
    }
  }
  return printXml(document);
}

/** The ids of the instances in an answer, and their states. */
export function instancesIn(xml: string): Map<string, State> {
  const found = new Map<string, State>();
  for (const set of elementsNamed(parseXml(xml), "instancesSet")) {
    for (const item of childrenNamed(set, "item")) found.set(childText(item, "instanceId"), stateOf(item));
  }
  return found;
}

function stateOf(item: Element): State {
  const state = childrenNamed(item, "instanceState")[0] ?? childrenNamed(item, "currentState")[0];
  return (state ? childText(state, "name") : "") as State;
}

function setState(item: Element, state: State): void {
  for (const element of childrenNamed(item, "instanceState")) {
    for (const code of childrenNamed(element, "code")) code.textContent = String(STATE_CODES[state]);
    for (const name of childrenNamed(element, "name")) name.textContent = state;
  }
}
