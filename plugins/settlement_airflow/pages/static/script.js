"use strict";

// Inside Airflow the pages follow its light or dark mode; alone, the system's.
const chosen = window.localStorage.getItem("theme");
if (chosen === "dark" || chosen === "light") {
  document.documentElement.dataset.theme = chosen;
}

const base = document.body.dataset.base;
const SECOND = 1000;
const LONGEST_WAIT = 60;
const LONGEST_FOLLOWED = 3600;

// Everything that changes something goes to Airflow's own API, as whoever is logged in.
async function api(method, path, content) {
  const answer = await fetch(`${base}/api/v2/${path}`, {
    method,
    headers: { "Content-Type": "application/json" },
    body: content === undefined ? undefined : JSON.stringify(content),
  });
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    const detail = typeof said.detail === "string" ? said.detail : `HTTP ${answer.status}`;
    throw Object.assign(new Error(detail), { status: answer.status });
  }
  return said;
}

function runsOf(dag) {
  return `dags/${encodeURIComponent(dag)}/dagRuns`;
}

function start(dag, conf) {
  return api("POST", runsOf(dag), { logical_date: null, conf });
}

function linkToRun(dag, runId, text) {
  const link = document.createElement("a");
  link.href = `${base}/dags/${encodeURIComponent(dag)}/runs/${encodeURIComponent(runId)}`;
  link.target = "_top";
  link.textContent = text;
  return link;
}

function pause() {
  return new Promise((done) => setTimeout(done, SECOND));
}

// Until the run has ended; null if it takes longer than anybody wants to look at.
async function ended(dag, runId, longest = LONGEST_WAIT) {
  for (let second = 0; second < longest; second += 1) {
    const run = await api("GET", `${runsOf(dag)}/${encodeURIComponent(runId)}`);
    if (run.state === "success" || run.state === "failed") {
      return run.state;
    }
    await pause();
  }
  return null;
}

// One button at a time says what it does, and then what came of it.
async function doing(output, buttons, work) {
  for (const each of buttons) each.disabled = true;
  output.textContent = "One moment…";
  try {
    output.replaceChildren(...(await work()));
  } catch (error) {
    output.textContent = `Nothing was done: ${error.message}`;
  } finally {
    for (const each of buttons) each.disabled = false;
  }
}

for (const button of document.querySelectorAll("button[data-dag]")) {
  const output = button.closest(".actions").querySelector("output");
  button.addEventListener("click", () =>
    doing(output, [button], async () => {
      const run = await start(button.dataset.dag, JSON.parse(button.dataset.conf));
      if (button.dataset.then) {
        window.location.assign(button.dataset.then);
        return ["Started."];
      }
      const state = button.dataset.reload ? await ended(button.dataset.dag, run.dag_run_id) : null;
      if (state === "success") window.location.reload();
      return [linkToRun(button.dataset.dag, run.dag_run_id, `${state ?? "Started"}: open its run`)];
    }),
  );
}

async function act(form) {
  const { dag } = form.dataset;
  const fields = [...new FormData(form)].filter(([, value]) => value !== "");
  const run = await start(dag, { ...JSON.parse(form.dataset.conf), ...Object.fromEntries(fields) });
  const state = await ended(dag, run.dag_run_id);
  const path = `${runsOf(dag)}/${encodeURIComponent(run.dag_run_id)}/taskInstances/act`;
  if (state === "success") {
    const done = await api("GET", `${path}/xcomEntries/return_value`);
    return [`Done: ${done.value} `, linkToRun(dag, run.dag_run_id, "its run")];
  }
  const text = state === "failed" ? "It was refused: open its log" : "It is still at work: open it";
  return [linkToRun(dag, run.dag_run_id, text)];
}

for (const form of document.querySelectorAll("form[data-dag]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    doing(form.querySelector("output"), form.querySelectorAll("button"), () => act(form));
  });
}

// Airflow's own backfill: every date in between is run, also one that has a run already.
async function backfill(form) {
  const span = Object.fromEntries(new FormData(form));
  const how = { reprocess_behavior: "completed", max_active_runs: 3, run_backwards: false };
  await api("POST", "backfills", { dag_id: form.dataset.backfill, ...span, ...how });
  return ["Started. Each date shows how it ends: click Settlements, above, in a minute."];
}

for (const form of document.querySelectorAll("form[data-backfill]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    doing(form.querySelector("output"), form.querySelectorAll("button"), () => backfill(form));
  });
}

async function ask(form) {
  const { run, conf } = form.dataset;
  const content = { logical_date: null, dag_run_id: run, conf: JSON.parse(conf) };
  try {
    await api("POST", runsOf("settlement_decision"), content);
  } catch (error) {
    if (error.status !== 409) throw error; // it is on its way already
  }
}

async function decide(form, choice) {
  const answer = {
    chosen_options: [choice],
    params_input: { reason: new FormData(form).get("reason") },
  };
  for (let second = 0; second < LONGEST_WAIT; second += 1) {
    try {
      await api("PATCH", form.dataset.answer, answer);
      form.querySelector("output").textContent = `Answered: ${choice}. A worker carries it out now.`;
      const state = await ended("settlement_decision", form.dataset.run);
      if (state === "success") window.location.reload();
      const said = state === "failed" ? "It was refused: open its run" : "Open its run";
      return [linkToRun("settlement_decision", form.dataset.run, said)];
    } catch (error) {
      // Not asked yet: its run is started once, and the answer is given when it waits.
      if (error.status !== 404) throw error;
      if (second === 0) await ask(form);
      await pause();
    }
  }
  return ["It could not be asked within a minute: open settlement_decision."];
}

for (const form of document.querySelectorAll("form[data-answer]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const choice = event.submitter.value;
    doing(form.querySelector("output"), form.querySelectorAll("button"), () =>
      decide(form, choice),
    );
  });
}

// Whoever reads a question or writes a reason keeps it: the page then only says that it is old.
function inUse() {
  const written = [...document.querySelectorAll("main input")].some((each) => each.value !== "");
  return written || document.querySelector("details.asking[open]") !== null;
}

for (const followed of document.querySelectorAll("[data-follow]")) {
  const { dag, follow } = followed.dataset;
  ended(dag, follow, LONGEST_FOLLOWED).then((state) => {
    if (state === null) return;
    if (inUse()) followed.querySelector("[aria-live]").textContent = "It has ended: reload this page.";
    else window.location.reload();
  });
}
