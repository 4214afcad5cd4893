# The edge, and the link that dials it: a small image without Rasa, TensorFlow, SQLAlchemy or anything that could open a callback.
#     docker build -f deploy/edge.Dockerfile -t careloop-edge .
FROM python:3.11-slim
ENV PYTHONUNBUFFERED=1
COPY deploy/edge.lock /tmp/
RUN pip install --no-cache-dir --no-deps --require-hashes --only-binary :all: -r /tmp/edge.lock && useradd --uid 10001 careloop && \
    install -d -o careloop /var/lib/careloop
WORKDIR /opt/careloop
COPY bot bot
COPY integrations integrations
RUN python -m compileall -q bot/edge bot/*.py integrations/wecom
USER 10001
ENV CARELOOP_DATA_DIR=/var/lib/careloop
ENTRYPOINT ["python", "-m", "bot"]
CMD ["edge"]
