# Gateway, web, worker, intake and the commands; the dialogue model is trained into the image, so a hospital needs no way out for it.
#     docker build -f deploy/app.Dockerfile -t careloop .
FROM python:3.11-slim
ENV PYTHONUNBUFFERED=1 RASA_TELEMETRY_ENABLED=false
RUN pip install --no-cache-dir uv && useradd --uid 10001 --create-home careloop && install -d -o careloop /opt/careloop /var/lib/careloop /backup
WORKDIR /opt/careloop
COPY requirements.lock .
RUN uv pip sync --system --no-cache --require-hashes requirements.lock
COPY --chown=careloop . .
USER 10001
RUN python -m bot train
ENV CARELOOP_DATA_DIR=/var/lib/careloop CARELOOP_HOST=0.0.0.0 CARELOOP_MIGRATE=false
ENTRYPOINT ["python", "-m", "bot"]
CMD ["web"]
