"use strict";

// Inside Airflow the pages follow its light or dark mode; alone, the system's.
const chosen = window.localStorage.getItem("theme");
if (chosen === "dark" || chosen === "light") {
  document.documentElement.dataset.theme = chosen;
}

// A button starts a run through Airflow's own API, as whoever is logged in.
async function start(button) {
  const output = button.closest(".actions").querySelector("output");
  const base = document.body.dataset.base;
  const dag = button.dataset.dag;
  button.disabled = true;
  output.textContent = "Starting…";
  try {
    const answer = await fetch(`${base}/api/v2/dags/${encodeURIComponent(dag)}/dagRuns`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ logical_date: null, conf: JSON.parse(button.dataset.conf) }),
    });
    const said = await answer.json();
    if (!answer.ok) {
      throw new Error(typeof said.detail === "string" ? said.detail : `HTTP ${answer.status}`);
    }
    const link = document.createElement("a");
    link.href = `${base}/dags/${encodeURIComponent(dag)}/runs/${encodeURIComponent(said.dag_run_id)}`;
    link.target = "_top";
    link.textContent = "Started: open its run";
    output.replaceChildren(link);
  } catch (error) {
    output.textContent = `Nothing was started: ${error.message}`;
  } finally {
    button.disabled = false;
  }
}

for (const button of document.querySelectorAll("button[data-dag]")) {
  button.addEventListener("click", () => start(button));
}
