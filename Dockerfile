# One image for every component: Airflow, this project, and what requirements.lock pins, by hash.
FROM python:3.11-slim-bookworm

ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PATH=/opt/venv/bin:$PATH \
    AIRFLOW_HOME=/opt/airflow

RUN pip install --no-cache-dir uv && uv venv /opt/venv

WORKDIR /opt/settlement
COPY pyproject.toml requirements.lock README.md LICENSE ./
COPY include include
COPY plugins plugins
COPY dags dags
RUN VIRTUAL_ENV=/opt/venv uv pip install --no-cache --constraints requirements.lock --editable ".[celery]"

# Everything that is written at run time lies on a mount; the rest may be read-only. A volume takes
# its owner from the folder that it is mounted on: one that is missing here would be root's.
RUN useradd --uid 50000 --no-create-home --shell /usr/sbin/nologin airflow \
    && mkdir -p /opt/airflow/logs /var/lib/sandbox \
    && chown -R airflow /opt/airflow /var/lib/sandbox
USER airflow

ENTRYPOINT []
CMD ["airflow", "version"]
